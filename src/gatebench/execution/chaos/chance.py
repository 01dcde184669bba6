"""How many connections show a fault that hits only a share of them, and how many of these must then be hit.

Exact binomial sums: each connection is hit or not, by itself, with the same chance.
"""

from __future__ import annotations

from math import ceil, comb, fsum, log

LEAST_SHARE = 0.05
_MOST_SHARE = 0.8
_TAIL = 0.0005


def connections(share: float, least: int) -> int:
    """Return how many show a share, and no fewer than `least`.

    Nobody is hit with probability (1 - share)^n, and everybody with share^n: neither is to be in the interval. To tell
    more than four fifths from all would take hundreds; there it is enough that somebody is hit.
    """
    if share >= 1:
        return least
    needed = log(_TAIL) / log(1 - share)
    if share <= _MOST_SHARE:
        needed = max(needed, log(_TAIL) / log(share))
    return max(least, ceil(needed))


def steadying(spread: float, least: int) -> int:
    """Return how many connections, over fresh ones and as many from before, steady a delay spread evenly by ± `spread` of itself.

    The median of N such delays has the standard deviation spread / √(N + 2); it is to be a seventh, so that one proof in
    seven misses a fidelity of 0.8 to 1.2, and three in a row hardly ever do. More would be in each other's way.
    """
    return max(least, ceil(25 * spread**2))


def interval(n: int, share: float) -> tuple[int, int]:
    """Return the least and the most of `n` that are hit with probability 0.999: each tail beyond has at most 0.0005."""
    if share >= 1:
        return n, n
    chances = [comb(n, hits) * share**hits * (1 - share) ** (n - hits) for hits in range(n + 1)]
    least = next(hits for hits in range(n + 1) if fsum(chances[: hits + 1]) > _TAIL)
    most = next(hits for hits in range(n, -1, -1) if fsum(chances[hits:]) > _TAIL)
    return least, most


def plausible(hits: int, n: int, share: float) -> bool:
    """Tell whether so many hits of `n` prove the share: at least one, and none too many or too few."""
    least, most = interval(n, share)
    return max(1, least) <= hits <= most
