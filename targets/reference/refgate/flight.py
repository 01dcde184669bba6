"""Coalescing: of many who want the same at once, one fetches it and all get it (single flight)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Work = Callable[[], Awaitable[T]]


@dataclass(slots=True, eq=False)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class Flights(Generic[T]):
    """At most one piece of work a key is under way.

    The work runs in a task of its own and goes on as long as one of those who want it is still there, so a client that
    leaves takes nothing from the others; when the last one leaves it is cancelled. Whoever shared a result that is not
    `good` gets one more try, which is shared again: a failure costs the provider two attempts, not one for each client.
    """

    def __init__(self, good: Callable[[T], bool]) -> None:
        self._good = good
        self._flights: dict[str, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def share(self, key: str, work: Work[T]) -> tuple[T, bool]:
        """Return what `work` returns, and whether it was ours or somebody's who began before; raises what it raises."""
        flight = self._flights.get(key)
        if flight is None:
            return await self._join(key, self._begin(key, work)), True
        try:
            result = await self._join(key, flight)
            if self._good(result):
                return result, False
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: S110  # the leader's; ours comes from our own try
            pass
        flight = self._flights.get(key)
        if flight is not None:
            return await self._join(key, flight), False
        return await self._join(key, self._begin(key, work)), True

    def start(self, key: str, work: Work[T]) -> None:
        """Do `work` for nobody in particular, to its end, unless it is under way; who comes meanwhile shares it."""
        if key not in self._flights:
            self._begin(key, work).waiting = 1

    def _begin(self, key: str, work: Work[T]) -> _Flight[T]:
        async def fly() -> T:
            return await work()

        flight = _Flight(asyncio.create_task(fly()))
        self._flights[key] = flight

        def landed(task: asyncio.Task[T]) -> None:
            if self._flights.get(key) is flight:
                del self._flights[key]
            if not task.cancelled():
                task.exception()  # it was raised to those who waited; nobody waiting means nobody wants it

        flight.task.add_done_callback(landed)
        return flight

    async def _join(self, key: str, flight: _Flight[T]) -> T:
        flight.waiting += 1
        try:
            # Shielded: our own cancellation is not the work's, as long as others wait for it.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
                if self._flights.get(key) is flight:  # nobody joins what is being cancelled
                    del self._flights[key]
