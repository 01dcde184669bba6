"""The limiter lets two in a hundred in beyond its limit; of requests in flight it lets one too many be."""

from __future__ import annotations


def spoil() -> None:
    """Every limit is counted with a rate that is two hundredths higher, rounded up."""
    from dataclasses import replace

    from tests.faulty.limits import count_otherwise

    count_otherwise(lambda client, limit: replace(limit, rate=limit.rate - -limit.rate // 50))
