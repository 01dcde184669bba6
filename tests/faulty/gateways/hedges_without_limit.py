"""Every request that takes long is hedged, however many there are."""

from __future__ import annotations


def spoil() -> None:
    """Budgets have always one more, as long as nobody retries."""
    from targets.reference.refgate.failover import Failover
    from targets.reference.refgate.retry import RetryBudget

    class Endless(RetryBudget):
        def has_one(self) -> bool:
            return True

    hedge = Failover._another

    def another(self: Failover, *facts: object) -> object:
        self._hedges = Endless(ratio=1.0, reserve=1.0)
        return hedge(self, *facts)  # type: ignore[arg-type]

    Failover._another = another  # type: ignore[method-assign, assignment]
