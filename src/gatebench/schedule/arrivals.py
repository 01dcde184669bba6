"""Turns a rate curve into due times: exact for a curve of straight lines, evenly or as a Poisson process."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatebench.schedule.open import Load

NS_PER_S = 1_000_000_000
MAX_ARRIVALS = 50_000_000
_PART = 1 << 16

DueTimes = npt.NDArray[np.int64]


def due_times_ns(load: Load, duration_s: float, seed: int) -> DueTimes:
    """Return the sorted due times of `load` over `duration_s`, int64 nanoseconds from the start, in [0, duration).

    The expected count is the integral of the rate curve, Λ(t). Even arrivals are due where Λ reaches 0, 1, 2, …;
    Poisson arrivals where Λ reaches the partial sums of unit exponentials (time-rescaling: Çinlar, "Introduction to
    Stochastic Processes", 1975, ch. 4.7).
    """
    times, rates = load.corners(duration_s)
    cumulative = np.concatenate(([0.0], np.cumsum(np.diff(times) * (rates[1:] + rates[:-1]) / 2)))
    total = float(cumulative[-1])
    if total > MAX_ARRIVALS:
        raise ValueError(f"{total:.0f} requests are more than the {MAX_ARRIVALS} that one run may hold")
    even = load.arrivals == "even"
    marks = np.arange(0.0, np.ceil(total - 1e-9)) if even else _poisson_marks(total, seed)
    due = np.empty(len(marks), np.int64)
    for start in range(0, len(marks), _PART):  # what is computed in between stays small, however many there are
        part = slice(start, start + _PART)
        due[part] = np.rint(_inverse(times, rates, cumulative, marks[part]) * NS_PER_S)
    return due[due < round(duration_s * NS_PER_S)]


def _poisson_marks(total: float, seed: int) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng([seed, 0x5C4ED])
    chunk = max(16, int(total + 6 * np.sqrt(total)) + 1)
    marks = np.cumsum(generator.exponential(1.0, chunk))
    while marks[-1] < total:
        marks = np.concatenate((marks, marks[-1] + np.cumsum(generator.exponential(1.0, chunk))))
    return marks[marks < total]


def _inverse(
    times: npt.NDArray[np.float64],
    rates: npt.NDArray[np.float64],
    cumulative: npt.NDArray[np.float64],
    marks: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the t at which Λ(t) = mark. Inside a piece, Λ(t0 + x) = Λ0 + r0·x + s·x²/2 with slope s."""
    piece = np.clip(np.searchsorted(cumulative, marks, side="right") - 1, 0, len(times) - 2)
    width = times[piece + 1] - times[piece]
    start = rates[piece]
    slope = np.divide(rates[piece + 1] - start, width, out=np.zeros_like(width), where=width > 0)
    rest = marks - cumulative[piece]
    # The stable root of s/2·x² + r0·x − rest = 0: 2·rest / (r0 + sqrt(r0² + 2·s·rest)), which also serves s = 0.
    root = np.sqrt(np.maximum(start**2 + 2 * slope * rest, 0.0))
    denominator = start + root
    return times[piece] + np.divide(2 * rest, denominator, out=np.zeros_like(rest), where=denominator > 0)
