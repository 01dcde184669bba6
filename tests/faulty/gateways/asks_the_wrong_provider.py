"""Every twentieth request goes to the second provider first, although the first is well."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count


def spoil() -> None:
    """Some requests meet the providers in reverse."""
    from targets.reference.refgate.answer import Outgoing
    from targets.reference.refgate.failover import Answered, Failover, GaveUp

    answer, requests = Failover.answer, count(1)

    async def reverse(self: Failover, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        if names is None and next(requests) % 20 == 0:
            names = [provider.name for provider in reversed(self._providers)]
        return await answer(self, outgoing, names)

    Failover.answer = reverse  # type: ignore[method-assign]
