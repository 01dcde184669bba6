"""How many connections show a fault that hits only a share of them, and how many of these must then be hit.

Exact binomial sums: each connection is hit or not, by itself, with the same chance.
"""

from __future__ import annotations

from math import ceil, comb, fsum, log

LEAST_SHARE = 0.05
_UNSEEN = 0.001
_OUTSIDE = 0.001


def connections(share: float, least: int) -> int:
    """Return how many are enough for one to be hit with probability 0.999, and no fewer than `least`.

    Nobody is hit with probability (1 - share)^n.
    """
    return least if share >= 1 else max(least, ceil(log(_UNSEEN) / log(1 - share)))


def interval(n: int, share: float) -> tuple[int, int]:
    """Return the least and the most of `n` that are hit with probability 0.999: each tail beyond has at most 0.0005."""
    if share >= 1:
        return n, n
    chances = [comb(n, hits) * share**hits * (1 - share) ** (n - hits) for hits in range(n + 1)]
    least = next(hits for hits in range(n + 1) if fsum(chances[: hits + 1]) > _OUTSIDE / 2)
    most = next(hits for hits in range(n, -1, -1) if fsum(chances[hits:]) > _OUTSIDE / 2)
    return least, most


def plausible(hits: int, n: int, share: float) -> bool:
    """Tell whether so many hits of `n` prove the share: at least one, and none too many or too few."""
    least, most = interval(n, share)
    return max(1, least) <= hits <= most
