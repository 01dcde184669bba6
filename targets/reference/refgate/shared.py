"""What every stage may use: who is asked, what is counted, what time it is, the store, and work that nobody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .metrics import Metrics
from .provider import Provider
from .redis_client import greet, open_redis

if TYPE_CHECKING:
    from redis.asyncio import Redis


@dataclass(slots=True, eq=False)
class Shared:
    """The parts of one gateway; `closing` is unwound by `close`, after the last request, `reloads` are for SIGHUP."""

    providers: tuple[Provider, ...]
    metrics: Metrics
    store_url: str | None = None
    clock: Callable[[], float] = time.monotonic
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    reloads: list[Callable[[], None]] = field(default_factory=list)
    _redis: Redis | None = None
    _later: set[asyncio.Task[None]] = field(default_factory=set)

    def redis(self) -> Redis:
        """Return the client of the store at `store_url`, one for all stages."""
        if self._redis is None:
            assert self.store_url is not None  # noqa: S101 - `Config` has seen to it
            self._redis = open_redis(self.store_url)
            self.closing.push_async_callback(self._redis.aclose)
            self.later(greet(self._redis))
        return self._redis

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` while nobody waits for it; what is not done when the gateway ends is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def reload(self) -> None:
        """Read again what may change while the gateway runs."""
        for reload in self.reloads:
            reload()

    async def close(self) -> None:
        """Cancel what is left to do, and close everything."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self.closing.aclose()
