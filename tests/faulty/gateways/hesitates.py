"""A request that finds a breaker open waits for 0.4 s before it goes elsewhere."""

from __future__ import annotations

from collections.abc import Sequence


def spoil() -> None:
    """Who may not ask the first one asks the second late."""
    import asyncio

    from targets.reference.refgate.answer import Outgoing
    from targets.reference.refgate.failover import Answered, Failover, GaveUp

    answer = Failover.answer

    async def late(self: Failover, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        if self._providers[0].breaker.wait_s() > 0:
            await asyncio.sleep(0.4)
        return await answer(self, outgoing, names)

    Failover.answer = late  # type: ignore[method-assign]
