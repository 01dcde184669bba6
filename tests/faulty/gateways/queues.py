"""Who finds no place is not refused but waits for one, however long that takes."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """There is a queue where there was a refusal."""
    import asyncio

    from targets.reference.refgate.answer import Answer
    from targets.reference.refgate.call import Call
    from targets.reference.refgate.stage import Next
    from targets.reference.refgate.stages.shedding import Shedding

    begin = Shedding.__init__

    def with_places(self: Any, in_flight: int) -> None:
        begin(self, in_flight)
        self.places = asyncio.Semaphore(in_flight)

    async def wait(self: Any, call: Call, next: Next) -> Answer:
        await self.places.acquire()
        call.endings.append(lambda outcome: self.places.release())
        return await next(call)

    Shedding.__init__ = with_places  # type: ignore[method-assign]
    Shedding.__call__ = wait  # type: ignore[method-assign]
