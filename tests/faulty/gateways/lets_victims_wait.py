"""While one tenant floods, the answers to all others lie about for most of a second."""

from __future__ import annotations

import asyncio
import time

_FLOODS = "tenant-0"
_LATELY_S = 1.0
_WAIT_S = 0.8


def spoil() -> None:
    """Nobody else is refused, and nobody is served in time."""
    from targets.reference.refgate.answer import Answer, Error
    from targets.reference.refgate.call import Call
    from targets.reference.refgate.stage import Next
    from targets.reference.refgate.stages.limiter import Limiter

    pass_, refused_s = Limiter.__call__, [-_LATELY_S]

    async def late(self: Limiter, call: Call, next: Next) -> Answer:
        answer = await pass_(self, call, next)
        if call.tenant == _FLOODS:
            if isinstance(answer, Error):
                refused_s[0] = time.monotonic()
        elif time.monotonic() - refused_s[0] < _LATELY_S:
            await asyncio.sleep(_WAIT_S)
        return answer

    Limiter.__call__ = late  # type: ignore[method-assign]
