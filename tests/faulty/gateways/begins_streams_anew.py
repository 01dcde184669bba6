"""A stream that breaks off half-way is joined to one of another provider, which begins from the start."""

from __future__ import annotations

import aiohttp


def spoil() -> None:
    """The rest of a stream may come from somebody else."""
    from targets.reference.refgate.answer import Answer, Outgoing, Stream
    from targets.reference.refgate.asking import Asking
    from targets.reference.refgate.call import Call
    from targets.reference.refgate.failover import Answered, Failover
    from targets.reference.refgate.upstream import Upstream

    class Joined:
        def __init__(self, first: Upstream, failover: Failover, outgoing: Outgoing, others: list[str]) -> None:
            self._now, self._failover, self._outgoing, self._others = first, failover, outgoing, others

        async def read(self) -> bytes:
            try:
                return await self._now.read()
            except aiohttp.ClientError:
                if not self._others:
                    raise
                others, self._others = self._others, []
                result = await self._failover.answer(self._outgoing, others)
                if not isinstance(result, Answered) or not isinstance(result.answer, Stream):
                    raise
                self._now.release()
                self._now = result.answer.upstream
                return b"\n\n" + result.answer.first

        def release(self) -> None:
            self._now.release()

    ask = Asking.__call__

    async def join(self: Asking, call: Call) -> Answer:
        answer = await ask(self, call)
        if not isinstance(answer, Stream):
            return answer
        others = [one.name for one in self._failover._providers if one.name != call.served_by]
        upstream = Joined(answer.upstream, self._failover, call.outgoing, others)
        return Stream(answer.status, answer.headers, answer.first, upstream)

    Asking.__call__ = join  # type: ignore[method-assign]
