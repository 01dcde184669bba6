"""Rate curves: the corners between which an offered rate is linear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator

from gatebench.units import duration_text, positive_duration_text, rate_per_s

Floats = npt.NDArray[np.float64]
Corners = tuple[Floats, Floats]

_CORNERS_A_PERIOD: Final = 256


def _rate_text(text: str) -> str:
    if rate_per_s(text) <= 0:
        raise ValueError(f'"{text}" would send nothing; write a rate above 0/s')
    return text


Rate = Annotated[str, AfterValidator(_rate_text)]
Moment = Annotated[str, AfterValidator(duration_text)]
Length = Annotated[str, AfterValidator(positive_duration_text)]


def linear(rates: Sequence[float], duration_s: float) -> Corners:
    """The rates at equal distances, joined by straight lines; a single one is a flat line."""
    corners = list(rates) * 2 if len(rates) == 1 else list(rates)
    return np.linspace(0.0, duration_s, len(corners)), np.array(corners)


def stairs(rates: Sequence[float], duration_s: float) -> Corners:
    """Equal-length steps, one for each rate; a step has two corners at one time."""
    width = duration_s / len(rates)
    times = [edge for step in range(len(rates)) for edge in (step * width, (step + 1) * width)]
    return np.array(times), np.repeat(np.array(rates, dtype=np.float64), 2)


def bump(base: float, peak: float, at_s: float, lasting_s: float, duration_s: float) -> Corners:
    """`base`, and `peak` for `lasting_s` from `at_s` on; what lies beyond the run is cut off."""
    start, end = min(at_s, duration_s), min(at_s + lasting_s, duration_s)
    times = [0.0, start, start, end, end, duration_s]
    return np.array(times), np.array([base, base, peak, peak, base, base])


def wave(low: float, high: float, period_s: float, duration_s: float) -> Corners:
    """A sine between `low` (where it starts) and `high`, as a polygon of 256 corners a period.

    A chord lies below or above its arc by at most amplitude · (π/256)²/2, that is 0.008 % of the amplitude.
    """
    count = max(2, math.ceil(duration_s / period_s * _CORNERS_A_PERIOD) + 1)
    times = np.linspace(0.0, duration_s, count)
    middle, reach = (low + high) / 2, (high - low) / 2
    return times, middle - reach * np.cos(2 * np.pi * times / period_s)
