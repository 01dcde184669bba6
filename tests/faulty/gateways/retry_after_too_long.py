"""Retry-After names two seconds more than it takes: who believes it stays away for nothing."""

from __future__ import annotations


def spoil() -> None:
    """Two seconds more are told."""
    from tests.faulty.limits import tell_otherwise

    tell_otherwise(lambda wait_s: wait_s + 2)
