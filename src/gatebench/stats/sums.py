"""The distribution of a sum of independent draws, exactly."""

from __future__ import annotations

from typing import Final

import numpy as np

from gatebench.stats.intervals import Floats

LATTICE: Final = 1 << 17
"""The most cells that a sum of values that are no whole numbers is put into."""


def sum_of(chances: Floats, draws: int, size: int) -> Floats:
    """Return the distribution of the sum of `draws` independent draws from 0…len(chances) - 1, padded to `size`."""
    factor = np.fft.rfft(chances, size)
    product = np.ones_like(factor)
    while draws:  # by squaring: numpy's complex power is ten times slower
        if draws & 1:
            product *= factor
        factor *= factor
        draws >>= 1
    return np.fft.irfft(product, size)
