"""Who is refused for want of a place hears of it after 0.3 s."""

from __future__ import annotations


def spoil() -> None:
    """A refusal takes its time."""
    import asyncio

    from targets.reference.refgate.answer import Answer, Error
    from targets.reference.refgate.call import Call
    from targets.reference.refgate.stage import Next
    from targets.reference.refgate.stages.shedding import Shedding

    serve = Shedding.__call__

    async def slowly(self: Shedding, call: Call, next: Next) -> Answer:
        answer = await serve(self, call, next)
        if isinstance(answer, Error) and answer.outcome == "shed":
            await asyncio.sleep(0.3)
        return answer

    Shedding.__call__ = slowly  # type: ignore[method-assign]
