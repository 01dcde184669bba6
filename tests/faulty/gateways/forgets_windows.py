"""Requests without a key are forgotten as soon as they are answered: the window is no longer than the execution."""

from __future__ import annotations


def spoil() -> None:
    """What is remembered without a print of its body is over when it has ended."""
    from targets.reference.refgate.idempotency.records import Records

    is_over = Records._is_over
    Records._is_over = lambda self, record: record.settled.done() if not record.print else is_over(self, record)  # type: ignore[method-assign]
