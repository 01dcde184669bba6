"""The bucket holds one token, whatever capacity was asked for: who comes twice at once is refused."""

from __future__ import annotations


def spoil() -> None:
    """Every bucket has the capacity 1."""
    from dataclasses import replace

    from tests.faulty.limits import count_otherwise

    count_otherwise(lambda client, limit: replace(limit, burst=1))
