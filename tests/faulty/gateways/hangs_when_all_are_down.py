"""When every breaker is open a request is never told so: its client waits until its own deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


def spoil() -> None:
    """Who gives up without having asked says nothing."""
    from targets.reference.refgate.answer import Outgoing
    from targets.reference.refgate.failover import Answered, Failover, GaveUp

    answer = Failover.answer

    async def hang(self: Failover, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        result = await answer(self, outgoing, names)
        if isinstance(result, GaveUp) and result.last is None:
            await asyncio.Event().wait()
        return result

    Failover.answer = hang  # type: ignore[method-assign]
