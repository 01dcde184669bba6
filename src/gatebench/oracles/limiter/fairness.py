"""Fairness as one number."""

from __future__ import annotations

from collections.abc import Sequence


def jain(shares: Sequence[float]) -> float | None:
    """Return Jain's index (Σx)² ÷ (n · Σx²): 1 when all have the same, 1/n when one has everything, None of nothing.

    Jain, Chiu and Hawe, "A quantitative measure of fairness", DEC-TR-301, 1984.
    """
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares > 0 else None
