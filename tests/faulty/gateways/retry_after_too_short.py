"""Retry-After names half of the wait: who comes back then is refused again."""

from __future__ import annotations


def spoil() -> None:
    """Half of the wait is told."""
    from tests.faulty.limits import tell_otherwise

    tell_otherwise(lambda wait_s: wait_s / 2)
