"""A provider's 429 is passed on to the client, although another provider would answer."""

from __future__ import annotations


def spoil() -> None:
    """It is an answer like any other."""
    from targets.reference.refgate import attempt

    attempt._is_refusal = lambda status: status == 408 or status >= 500
