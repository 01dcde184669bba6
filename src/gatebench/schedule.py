"""When requests are due: arrival schedules that are fixed by a seed before anything starts.

A load is a rate curve (flat, ramp, steps) and a way in which arrivals follow it (evenly, or as a Poisson process). Both are
pure: nothing that a target does can change when a request is due (open model, Schroeder et al., "Open Versus
Closed: A Cautionary Tale", NSDI 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gatebench.units import rate_per_s

NS_PER_S = 1_000_000_000
MAX_ARRIVALS = 50_000_000

DueTimes = npt.NDArray[np.int64]


def _rate_text(text: str) -> str:
    if rate_per_s(text) <= 0:
        raise ValueError(f'"{text}" would send nothing; write a rate above 0/s')
    return text


Rate = Annotated[str, AfterValidator(_rate_text)]


class Load(BaseModel):
    """An open load: `rates` are the corners of the rate curve over the whole run, in requests per second."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    curve: Literal["flat", "ramp", "steps"] = "flat"
    arrivals: Literal["even", "poisson"] = "poisson"
    rates: tuple[Rate, ...] = Field(min_length=1)

    def corners(self, duration_s: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (times in s, rates in 1/s) between which the rate is linear; a step has two corners at one time."""
        rates = [rate_per_s(text) for text in self.rates]
        if self.curve == "steps":
            width = duration_s / len(rates)
            times = [edge for step in range(len(rates)) for edge in (step * width, (step + 1) * width)]
            levels = [rate for rate in rates for _ in range(2)]
            return np.array(times), np.array(levels)
        if len(rates) == 1:
            rates = rates * 2
        return np.linspace(0.0, duration_s, len(rates)), np.array(rates)

    def peak_per_s(self) -> float:
        """Return the highest rate of the curve, in requests per second."""
        return max(rate_per_s(text) for text in self.rates)

    def scaled_to(self, rate: str) -> Load:
        """Return this load with its peak moved to `rate`, the shape kept."""
        factor = rate_per_s(rate) / self.peak_per_s()
        return self.model_copy(update={"rates": tuple(f"{rate_per_s(text) * factor:.6f}/s" for text in self.rates)})


def _load(**raw: object) -> Load:
    """Return the raw description; `Scenario` validates it together with everything else, so all problems show at once."""
    return cast(Load, raw)


def constant(rate: str, **unknown: Any) -> Load:
    """Arrivals at exactly equal distances: `constant("200/s")` is one every 5 ms."""
    return _load(curve="flat", arrivals="even", rates=(rate,), **unknown)


def poisson(rate: str, **unknown: Any) -> Load:
    """Independent arrivals at a mean `rate`: what many unrelated users look like."""
    return _load(curve="flat", arrivals="poisson", rates=(rate,), **unknown)


def ramp(start: str, end: str, arrivals: str = "poisson", **unknown: Any) -> Load:
    """A rate that goes linearly from `start` to `end` over the run."""
    return _load(curve="ramp", arrivals=arrivals, rates=(start, end), **unknown)


def steps(*rates: str, arrivals: str = "poisson", **unknown: Any) -> Load:
    """Equal-length steps, one for each rate."""
    return _load(curve="steps", arrivals=arrivals, rates=rates, **unknown)


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
    due = np.rint(_inverse(times, rates, cumulative, marks) * NS_PER_S).astype(np.int64)
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


def share(due_ns: DueTimes, worker: int, workers: int) -> npt.NDArray[np.int64]:
    """Return the arrival ids (positions in the schedule) that `worker` of `workers` sends: every one exactly once."""
    return np.arange(worker, len(due_ns), workers, dtype=np.int64)


def phase_of(due_ns: DueTimes, ends_ns: Sequence[int]) -> npt.NDArray[np.int16]:
    """Return for each due time the index of the phase that holds it; phases are [previous end, end)."""
    return np.searchsorted(np.asarray(ends_ns, dtype=np.int64), due_ns, side="right").astype(np.int16)
