"""Whoever answered last is asked first: after a failover the first provider stays second for good."""

from __future__ import annotations

from collections.abc import Sequence


def spoil() -> None:
    """The order of the providers follows the answers."""
    from targets.reference.refgate.answer import Outgoing
    from targets.reference.refgate.failover import Answered, Failover, GaveUp

    answer = Failover.answer

    async def stay(self: Failover, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        result = await answer(self, outgoing, names)
        if isinstance(result, Answered) and names is None:
            self._providers = tuple(sorted(self._providers, key=lambda one: one is not result.provider))
        return result

    Failover.answer = stay  # type: ignore[method-assign]
