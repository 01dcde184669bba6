"""A request that failed is tried again behind its client, who has had its error: two seconds later, and again two later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


def spoil() -> None:
    """Giving up is not giving up."""
    from targets.reference.refgate.answer import Outgoing
    from targets.reference.refgate.failover import Answered, Failover, GaveUp

    answer = Failover.answer
    running: set[asyncio.Task[None]] = set()

    async def go_on(self: Failover, outgoing: Outgoing) -> None:
        for _ in range(2):
            await asyncio.sleep(2.0)
            await self._send(self._providers[0], outgoing, 1.0)

    async def never_mind(self: Failover, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        result = await answer(self, outgoing, names)
        if isinstance(result, GaveUp) and result.last is not None:
            task = asyncio.create_task(go_on(self, outgoing))
            running.add(task)
            task.add_done_callback(running.discard)
        return result

    Failover.answer = never_mind  # type: ignore[method-assign]
