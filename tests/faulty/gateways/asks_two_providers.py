"""Every fiftieth request is executed by the second provider as well, for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count


def spoil() -> None:
    """Some requests are sent twice."""
    from targets.reference.refgate.answer import Outgoing, Stream
    from targets.reference.refgate.failover import Answered, Failover, GaveUp

    answer, requests = Failover.answer, count(1)

    async def twice(self: Failover, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        first = answer(self, outgoing, names)
        if len(self._providers) < 2 or next(requests) % 50:
            return await first
        result, unread = await asyncio.gather(first, self._send(self._providers[-1], outgoing, 1.0))
        if isinstance(unread, Stream):
            unread.upstream.release()
        return result

    Failover.answer = twice  # type: ignore[method-assign]
