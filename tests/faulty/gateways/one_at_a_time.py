"""Requests are served one after the other."""

from __future__ import annotations

import asyncio


def spoil() -> None:
    """Whoever comes meanwhile waits for all before."""
    from targets.reference.refgate.answer import Answer
    from targets.reference.refgate.asking import Asking
    from targets.reference.refgate.call import Call

    asks, turn = Asking.__call__, asyncio.Lock()

    async def in_turn(self: Asking, call: Call) -> Answer:
        async with turn:
            return await asks(self, call)

    Asking.__call__ = in_turn  # type: ignore[method-assign]
