"""One tenant gets a tenth of the limit that all were promised."""

from __future__ import annotations


def spoil() -> None:
    """The limit of tenant-1 is counted with a tenth of rate and burst."""
    from dataclasses import replace

    from tests.faulty.limits import count_otherwise

    def tenth(number: int) -> int:
        return max(1, number // 10)

    count_otherwise(
        lambda client, limit: (
            replace(limit, rate=tenth(limit.rate), burst=tenth(limit.burst)) if client == "tenant-1" else limit
        )
    )
