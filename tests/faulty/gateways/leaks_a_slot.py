"""A request that ends with an error keeps its place: after some of them nobody has one left."""

from __future__ import annotations


def spoil() -> None:
    """The store is not told of the end of a call whose answer is no good one."""
    from targets.reference.refgate.stages.limiter import Limiter

    own = Limiter.__call__

    async def call(self, call, next):  # type: ignore[no-untyped-def]
        place = len(call.endings)
        answer = await own(self, call, next)
        if self._places and len(call.endings) > place and getattr(answer, "status", 200) >= 400:
            del call.endings[place]
        return answer

    Limiter.__call__ = call  # type: ignore[method-assign]
