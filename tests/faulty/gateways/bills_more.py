"""Every whole answer bills a token more than was made."""

from __future__ import annotations


def spoil() -> None:
    """One is added on the way out."""
    from tests.faulty.bills import bill_otherwise

    bill_otherwise(lambda tokens: tokens + 1)
