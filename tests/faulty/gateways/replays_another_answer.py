"""A replay is the answer to whatever was replayed before it."""

from __future__ import annotations


def spoil() -> None:
    """One replay late."""
    from targets.reference.refgate.answer import Answer, Whole
    from targets.reference.refgate.stages import idempotency

    replayed, before = idempotency._replayed, list[Whole]()

    def of_the_one_before(kept: Whole) -> Answer:
        before.append(kept)
        return replayed(before[-2] if len(before) > 1 else kept)

    idempotency._replayed = of_the_one_before
