"""Numbers over rounds: the typical round with its interval, and how two sides differ, pair by pair where there are pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, stdtrit

SHOWN: Final = 0.95
"""Confidence of every interval between rounds."""

RELATIVE_UNITS: Final = frozenset({"ms", "s", "1/s", "tokens/s", "µs/request"})
LEAST_SIGNS: Final = 6
"""Rounds from which on the sign alone shows a difference at `SHOWN`: 2 · 0.5⁶ = 0.03."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Typical:
    """One side over its rounds: the median, and the interval of it, None where the rounds show none (one round)."""

    median: float
    low: float | None
    high: float | None
    rounds: int


@dataclass(frozen=True)
class Contrast:
    """By how much `head` is above `base`: a log-ratio when `relative`, else a difference in the unit of the number.

    `rounds` are the pairs, or the rounds of both sides together when they are not `paired`. Without an interval `why` says
    why there is none.
    """

    change: float
    low: float | None
    high: float | None
    rounds: int
    relative: bool
    paired: bool
    why: str = ""

    @property
    def shown(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def is_relative(metric: str, unit: str, *values: Floats) -> bool:
    """Return whether sides are compared by ratio: times and rates that are above zero in every round (`measurement.md` 27).

    What a gateway adds is a difference already and may be nothing, so it is compared by differences.
    """
    return unit in RELATIVE_UNITS and "overhead" not in metric and all(bool((one > 0).all()) for one in values)


def typical(values: Floats, *, relative: bool = False) -> Typical:
    """Return the median over rounds, and its interval at 95 %; `values`: (rounds,), at least one.

    From six rounds on the interval goes from one round's value to another's, which holds for any distribution: the chance
    that a median lies outside the k-th smallest and largest of n is 2 · P(Binomial(n, ½) < k) (Thompson, Annals of
    Mathematical Statistics 7, 1936). With two to five rounds no such pair is wide enough; then it is Student's t about
    the mean (of the logarithms when `relative`), widened to hold the median.
    """
    ordered, count = np.sort(values), len(values)
    median = float(np.median(ordered))
    if count < 2:
        return Typical(median, None, None, count)
    inside = [k for k in range(1, count // 2 + 1) if 2 * _at_most(k - 1, count) <= 1 - SHOWN]
    if inside:
        return Typical(median, float(ordered[inside[-1] - 1]), float(ordered[count - inside[-1]]), count)
    scaled = _scaled(ordered, relative)
    reach = float(stdtrit(count - 1, (1 + SHOWN) / 2) * scaled.std(ddof=1) / math.sqrt(count))
    low, high = float(scaled.mean()) - reach, float(scaled.mean()) + reach
    if relative:
        low, high = math.exp(low), math.exp(high)
    elif ordered[0] >= 0:
        low = max(low, 0.0)
    return Typical(median, min(low, median), max(high, median), count)


def paired(base: Floats, head: Floats, *, relative: bool) -> Contrast:
    """Return the mean of the paired differences with Student's interval; both of shape (pairs,), at least one pair.

    Pairs that all differ by the same amount have no spread to reckon with; then only their number can show something.
    """
    differences = _scaled(head, relative) - _scaled(base, relative)
    count, change = len(differences), float(differences.mean())
    if count < 2:
        return Contrast(change, None, None, count, relative, True, "one pair, no between-round interval")
    spread = float(differences.std(ddof=1))
    if spread <= 1e-12 * max(1.0, abs(change)):
        if change == 0 or count >= LEAST_SIGNS:
            return Contrast(change, change, change, count, relative, True)
        return Contrast(change, None, None, count, relative, True, f"the same in {count} pairs, too few to show it")
    reach = float(stdtrit(count - 1, (1 + SHOWN) / 2)) * spread / math.sqrt(count)
    return Contrast(change, change - reach, change + reach, count, relative, True)


def unpaired(base: Floats, head: Floats, *, relative: bool) -> Contrast:
    """Return the difference of the means with Welch's interval (Biometrika 34, 1947), for rounds that share no seed."""
    before, after = _scaled(base, relative), _scaled(head, relative)
    change, count = float(after.mean() - before.mean()), len(before) + len(after)
    if len(before) < 2 or len(after) < 2:
        return Contrast(change, None, None, count, relative, False, "one round, no between-round interval")
    parts = [float(one.var(ddof=1)) / len(one) for one in (before, after)]
    if sum(parts) <= 1e-24 * max(1.0, change * change):
        low = high = change if change == 0 else None
        return Contrast(
            change, low, high, count, relative, False, "" if change == 0 else "no spread between the rounds"
        )
    freedom = sum(parts) ** 2 / sum(part**2 / (len(one) - 1) for part, one in zip(parts, (before, after), strict=True))
    reach = float(stdtrit(freedom, (1 + SHOWN) / 2)) * math.sqrt(sum(parts))
    return Contrast(change, change - reach, change + reach, count, relative, False)


def contrast(base: Mapping[int, float], head: Mapping[int, float], *, relative: bool) -> Contrast | None:
    """Return how two sides differ, their values by pair: paired over the pairs that both have, else not paired.

    None when a side has no value. One pair alone beside further rounds is not enough to throw those away.
    """
    shared = sorted(set(base) & set(head))
    if len(shared) >= 2 or (shared and len(base) == len(head) == 1):
        sides = [np.array([side[pair] for pair in shared]) for side in (base, head)]
        return paired(*sides, relative=relative)
    if not base or not head:
        return None
    return unpaired(np.array(list(base.values())), np.array(list(head.values())), relative=relative)


def _scaled(values: Floats, relative: bool) -> Floats:
    return np.log(values) if relative else values


def _at_most(k: int, count: int) -> float:
    """Return P(Binomial(count, ½) ≤ k)."""
    return float(betainc(count - k, k + 1, 0.5))
