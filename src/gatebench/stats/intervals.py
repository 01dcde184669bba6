"""The ends of an interval, and the confidences at which they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

SHOWN: Final = 0.95
JUDGED: Final = 0.998
"""Both ends of an interval at this confidence are off by alpha = 0.001 each: what a check is judged by
(`measurement.md` 25).
"""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, in the unit of the number it belongs to; an end that the data cannot show is
    infinite.
    """

    low: float
    high: float
