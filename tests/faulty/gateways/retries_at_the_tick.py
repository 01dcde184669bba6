"""A retry waits for the next full second, after its pause: all that failed meanwhile go together."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """Whoever sleeps wakes up at a tick."""
    import asyncio
    import time

    from targets.reference.refgate.failover import Failover

    begin = Failover.__init__

    async def until_the_tick(pause_s: float) -> None:
        wake_s = time.monotonic() + pause_s
        await asyncio.sleep(pause_s + -wake_s % 1.0)

    def ticking(self: Failover, *arguments: Any, **facts: Any) -> None:
        begin(self, *arguments, **facts)
        self._sleep = until_the_tick

    Failover.__init__ = ticking  # type: ignore[method-assign]
