"""The slower of two hedged attempts is not cancelled: both are executed."""

from __future__ import annotations

import asyncio
from typing import Any


def spoil() -> None:
    """Losers go on."""
    from targets.reference.refgate.hedging import Hedge

    running: set[asyncio.Task[Any]] = set()

    async def go_on(self: Hedge[Any], tasks: set[asyncio.Task[Any]]) -> None:
        running.update(tasks)
        for task in tasks:
            task.add_done_callback(running.discard)

    Hedge._end = go_on  # type: ignore[method-assign, assignment]
