"""A copy that comes while the first one is being executed is executed as well."""

from __future__ import annotations


def spoil() -> None:
    """Whoever looks for a key finds only what has ended."""
    from targets.reference.refgate.idempotency.records import Record, Records

    find = Records.find

    def finds_what_has_ended(self: Records, key: str) -> Record | None:
        record = find(self, key)
        return record if record is not None and record.settled.done() else None

    Records.find = finds_what_has_ended  # type: ignore[method-assign]
