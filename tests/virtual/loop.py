"""An event loop that never waits: when nobody has anything to do, the clock goes to the next moment that somebody waits for."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from tests.virtual.clock import Clock


class _NoWaiting(selectors.DefaultSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready; when nothing is, let the time pass that the loop would have waited. Nothing real is waited for in
        this world, so that it is looked for only when there is nothing else to do.
        """
        ready = super().select(0) if timeout is None else []
        if not ready and timeout is None:
            raise RuntimeError("everybody waits for somebody else: nothing will ever happen again in this world")
        if timeout is not None and timeout > 0:
            self._clock.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on a clock of its own."""

    def __init__(self, clock: Clock) -> None:
        self._virtual_clock = clock
        super().__init__(_NoWaiting(clock))

    def time(self) -> float:
        """Return the seconds of the virtual clock."""
        return self._virtual_clock.seconds()


def in_virtual_time(clock: Clock) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what `asyncio.Runner` makes its loop with."""
    return lambda: VirtualLoop(clock)
