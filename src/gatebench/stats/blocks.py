"""How long blocks of neighbouring rows have to be to keep what they have in common."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gatebench.stats.bits import BYTE, Bits
from gatebench.stats.intervals import Floats

MANY: Final = 200_000
"""From so many rows on, what a million of them cannot tell apart is computed in a simpler way."""


def block_length(series: Floats) -> int:
    """Return the length of the blocks that keep the dependence of a stationary series, in rows.

    The estimator is that of Politis and White (Econometric Reviews 23, 2004; corrected by Patton, Politis and White,
    28, 2009): (2 G² / D)^(1/3) n^(1/3), with G and D from the flat-top-tapered autocovariances, cut where the
    autocorrelation has stayed small. It is never below n^(1/3) (Hall, Horowitz and Jing, Biometrika 82, 1995), so a
    series without visible dependence keeps some.
    """
    n = len(series)
    least = math.ceil(math.cbrt(n))
    most = max(1, math.ceil(min(3 * math.sqrt(n), n / 3)))
    centred = series - series.mean()
    if n < 8 or not centred.any():
        return min(least, most)
    quiet = max(5, int(math.sqrt(math.log10(n))))
    reach = min(n - 1, math.ceil(math.sqrt(n)) + quiet)
    spectrum = np.fft.rfft(centred, 1 << (2 * n).bit_length())
    covariance = np.fft.irfft(np.abs(spectrum) ** 2)[: reach + 1] / n
    small = np.abs(covariance[1:] / covariance[0]) < 2 * math.sqrt(math.log10(n) / n)
    runs = np.convolve(small, np.ones(quiet), mode="valid") == quiet
    cut = min(2 * max(1, int(np.argmax(runs)) if runs.any() else reach), reach)
    return _chosen_length(covariance, cut, n, least, most)


def _chosen_length(covariance: Floats, cut: int, n: int, least: int, most: int) -> int:
    """Return the length that the autocovariances up to the lag `cut` choose."""
    lag = np.arange(1, cut + 1)
    taper = np.minimum(1.0, 2 * (1 - lag / cut)) * covariance[1 : cut + 1]
    spread = float(covariance[0] + 2 * taper.sum())
    slope = float(2 * (taper * lag).sum())
    if spread <= 0:
        return min(least, most)
    chosen = math.ceil(math.cbrt(1.5 * slope**2 / spread**2 * n))
    return min(max(least, chosen), most)


def block_length_of_many(bits: Bits) -> int:
    """Return `block_length` of a long series of truth values, rounded up to whole bytes: lag by lag, and no further than the
    rule looks.
    """
    n = bits.n
    least = math.ceil(math.cbrt(n))
    most = max(1, math.ceil(min(3 * math.sqrt(n), n / 3)))
    if bits.total in (0, n):
        return _whole_bytes(min(least, most))
    quiet = max(5, int(math.sqrt(math.log10(n))))
    reach = min(n - 1, math.ceil(math.sqrt(n)) + quiet)
    covariance = [bits.covariance(0)]
    limit = 2 * math.sqrt(math.log10(n) / n) * covariance[0]
    still, cut = 0, reach
    for lag in range(1, reach + 1):
        covariance.append(bits.covariance(lag))
        still = still + 1 if abs(covariance[-1]) < limit else 0
        if still == quiet:
            cut = min(2 * max(1, lag - quiet), reach)
            break
    covariance += [bits.covariance(lag) for lag in range(len(covariance), cut + 1)]
    return _whole_bytes(_chosen_length(np.array(covariance), cut, n, least, most))


def _whole_bytes(length: int) -> int:
    return -(-length // BYTE) * BYTE
