"""Everything that fails is tried again, however much that is."""

from __future__ import annotations


def spoil() -> None:
    """There is always one retry left."""
    from targets.reference.refgate.retry import RetryBudget

    RetryBudget.spend = lambda self: True  # type: ignore[method-assign]
