"""Every limit lets one more in than it says."""

from __future__ import annotations

from dataclasses import replace


def spoil() -> None:
    """One is added to the rate."""
    from tests.faulty.limits import count_otherwise

    count_otherwise(lambda limit: replace(limit, rate=limit.rate + 1))
