"""A key is all that counts: another body under it gets the answer to the first."""

from __future__ import annotations


def spoil() -> None:
    """All requests look alike under one key."""
    from targets.reference.refgate.stages import idempotency

    idempotency._print = lambda call: b""
