"""Every answer is ready for twenty milliseconds before it is given out."""

from __future__ import annotations

import asyncio

_MORE_S = 0.02


def spoil() -> None:
    """Each request takes a little longer than it has to."""
    from targets.reference.refgate.answer import Answer
    from targets.reference.refgate.asking import Asking
    from targets.reference.refgate.call import Call

    asks = Asking.__call__

    async def slowly(self: Asking, call: Call) -> Answer:
        answer = await asks(self, call)
        await asyncio.sleep(_MORE_S)
        return answer

    Asking.__call__ = slowly  # type: ignore[method-assign]
