"""Makes a slow or broken store look like an empty one: a cache may cost a hit, never an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..log import note
from .entry import Entry
from .store import Store

_Result = TypeVar("_Result")


class BoundedStore:
    """Gives `store` at most `timeout_s` for each call; what takes longer, or raises one of `faults`, is a miss."""

    def __init__(
        self,
        store: Store,
        timeout_s: float,
        faults: tuple[type[Exception], ...] = (OSError, EOFError, ValueError),
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._faults = faults
        self._timeout_s = timeout_s
        self._on_fault = on_fault
        self._working = True

    async def get(self, key: str) -> Entry | None:
        """Return the entry, None also when the store cannot say in time."""
        return await self._within(self._store.get(key))

    async def put(self, key: str, entry: Entry) -> None:
        """Keep the entry if the store takes it in time; one that did not answer just now is not made to wait for again."""
        if self._working:
            await self._within(self._store.put(key, entry))

    async def drop(self, key: str) -> None:
        """Forget the entry if the store does it in time."""
        await self._within(self._store.drop(key))

    async def _within(self, call: Awaitable[_Result]) -> _Result | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await call
        except self._faults as error:
            self._on_fault()
            if self._working:
                note(logging.WARNING, "the cache store does not answer", why=str(error) or type(error).__name__)
            self._working = False
            return None
        if not self._working:
            note(logging.INFO, "the cache store answers again")
        self._working = True
        return result
