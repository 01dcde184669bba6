"""When every breaker is open a request waits for half a second before it is told so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


def spoil() -> None:
    """Who gives up without having asked waits first."""
    from targets.reference.refgate.answer import Outgoing
    from targets.reference.refgate.failover import Answered, Failover, GaveUp

    answer = Failover.answer

    async def wait(self: Failover, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        result = await answer(self, outgoing, names)
        if isinstance(result, GaveUp) and result.last is None:
            await asyncio.sleep(0.5)
        return result

    Failover.answer = wait  # type: ignore[method-assign]
