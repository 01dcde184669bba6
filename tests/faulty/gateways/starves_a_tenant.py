"""One tenant gets a twentieth of the limit that all were promised."""

from __future__ import annotations


def spoil() -> None:
    """The limit of tenant-1 is counted with a twentieth of rate and burst."""
    from dataclasses import replace

    from tests.faulty.limits import count_otherwise

    def twentieth(number: int) -> int:
        return max(1, number // 20)

    count_otherwise(
        lambda client, limit: (
            replace(limit, rate=twentieth(limit.rate), burst=twentieth(limit.burst)) if client == "tenant-1" else limit
        )
    )
