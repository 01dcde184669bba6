"""A failed execution keeps its key: every copy that comes later is told that it is in progress."""

from __future__ import annotations


def spoil() -> None:
    """Only an answer ends an execution."""
    from targets.reference.refgate.answer import Whole
    from targets.reference.refgate.idempotency.records import Record, Records

    settle = Records.settle

    def settles_what_was_answered(self: Records, key: str, record: Record, answer: Whole | None) -> None:
        if answer is not None:
            settle(self, key, record, answer)

    Records.settle = settles_what_was_answered  # type: ignore[method-assign]
