"""The pause before a retry is always the longest: there is no jitter."""

from __future__ import annotations


def spoil() -> None:
    """The pause is not drawn."""
    from targets.reference.refgate import failover

    drawn = failover.full_jitter_s

    def longest(failures: int, *, base_s: float, cap_s: float, draw: float) -> float:
        return drawn(failures, base_s=base_s, cap_s=cap_s, draw=1.0)

    failover.full_jitter_s = longest
