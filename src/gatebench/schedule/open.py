"""Open loads: a rate curve and the way in which arrivals follow it, evenly or as a Poisson process.

Nothing that a target does can change when a request is due (Schroeder et al., "Open Versus Closed: A Cautionary Tale",
NSDI 2006).
"""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatebench.schedule.curve import Corners, Length, Moment, Rate, bump, linear, stairs, wave
from gatebench.units import duration_s, rate_per_s

_TWO_RATES = {"spike": "base and peak", "sine": "low and high", "breakpoint": "start and end", "ramp": "start and end"}


class Load(BaseModel):
    """An open load: `rates` are what the curve goes through over the whole run, in requests per second.

    `at` and `lasting` belong to a spike, `period` to a sine, `stop_when_bad` to a breakpoint: the load ends when more than
    that share of the requests that finished within the last second was not ok. `route` and `tenant` name whom every
    arrival is for; without them they are drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["open"] = "open"
    curve: Literal["flat", "ramp", "steps", "spike", "sine", "breakpoint"] = "flat"
    arrivals: Literal["even", "poisson"] = "poisson"
    rates: tuple[Rate, ...] = Field(min_length=1)
    at: Moment = "0s"
    lasting: Length = "10s"
    period: Length = "60s"
    stop_when_bad: float | None = Field(default=None, gt=0, lt=1)
    route: str | None = None
    tenant: str | None = None

    @model_validator(mode="after")
    def _two_rates(self) -> Load:
        if self.curve in _TWO_RATES and len(self.rates) != 2:
            raise ValueError(f"a {self.curve} goes through two rates; write {_TWO_RATES[self.curve]}")
        return self

    def corners(self, duration_s_: float) -> Corners:
        """Return (times in s, rates in 1/s) between which the rate is linear; a step has two corners at one time."""
        rates = [rate_per_s(text) for text in self.rates]
        low, high = rates[0], rates[-1]
        if self.curve == "steps":
            return stairs(rates, duration_s_)
        if self.curve == "spike":
            return bump(low, high, duration_s(self.at), duration_s(self.lasting), duration_s_)
        if self.curve == "sine":
            return wave(low, high, duration_s(self.period), duration_s_)
        return linear(rates, duration_s_)

    def peak_per_s(self) -> float:
        """Return the highest rate of the curve, in requests per second."""
        return max(rate_per_s(text) for text in self.rates)

    def times(self, factor: float) -> Load:
        """Return this load with every rate multiplied, the shape kept."""
        return self.model_copy(update={"rates": tuple(f"{rate_per_s(text) * factor:.6f}/s" for text in self.rates)})

    def stretched(self, factor: float) -> Load:
        """Return this load with its moments and lengths multiplied, as `--time-scale` does with phases."""
        if factor == 1:
            return self
        return self.model_copy(
            update={name: f"{duration_s(getattr(self, name)) * factor:.9g}s" for name in ("at", "lasting", "period")}
        )

    def sentence(self) -> str:
        """Return the load in words."""
        whose = "".join(
            f" for {kind} {name}" for kind, name in (("route", self.route), ("tenant", self.tenant)) if name
        )
        between = f" at {self.at} for {self.lasting}" if self.curve == "spike" else ""
        between = f" every {self.period}" if self.curve == "sine" else between
        return f"{self.curve} {self.arrivals} load {' → '.join(self.rates)}{between}{whose}"


def _load(**raw: object) -> Load:
    """Return the raw description; `Scenario` validates it together with everything else, so all problems show at once."""
    return cast(Load, {"model": "open", **raw})


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


def spike(base: str, peak: str, *, at: str, lasting: str = "10s", arrivals: str = "poisson", **unknown: Any) -> Load:
    """A steady `base`, and `peak` for as long as `lasting` from `at` on, counted from the start of the run."""
    return _load(curve="spike", arrivals=arrivals, rates=(base, peak), at=at, lasting=lasting, **unknown)


def sine(low: str, high: str, *, period: str, arrivals: str = "poisson", **unknown: Any) -> Load:
    """A rate that swings between `low`, where it starts, and `high`."""
    return _load(curve="sine", arrivals=arrivals, rates=(low, high), period=period, **unknown)


def breakpoint(start: str, end: str, *, stop_when_bad: float = 0.5, arrivals: str = "poisson", **unknown: Any) -> Load:
    """A ramp towards more than the target can take, which ends when it breaks.

    It is broken when more than `stop_when_bad` of the requests that finished within the last second were not ok.
    """
    return _load(curve="breakpoint", arrivals=arrivals, rates=(start, end), stop_when_bad=stop_when_bad, **unknown)
