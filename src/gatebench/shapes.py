"""The shape of a fault over its window: on all the time, ramping up, flapping, or coming at random moments. Pure."""

from __future__ import annotations

from random import Random
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gatebench.units import duration_s, positive_duration_text

PositiveDuration = Annotated[str, AfterValidator(positive_duration_text)]
Span = tuple[float, float]

LEAST_REST_S = 0.8
"""What lies between two windows of one fault: its end is proven, and its next beginning is prepared."""
MOST_SPANS = 1000
"""More than anybody may have: whoever wants so many windows, or still more, is refused for their number or their rests."""
_TRIES = 1000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Step(_Frozen):
    """On from the beginning of its window to the end."""

    kind: Literal["step"] = "step"

    def spans(self, length_s: float, seed: int) -> list[Span]:
        """Return when it is on, seconds from the beginning of its window."""
        return [(0.0, length_s)]


class Ramp(_Frozen):
    """One parameter goes from `start` to `end` in equal steps, while the fault is on all the time."""

    kind: Literal["ramp"] = "ramp"
    parameter: str = Field(min_length=1)
    start: float
    end: float
    steps: int = Field(default=8, ge=2, le=100)

    def spans(self, length_s: float, seed: int) -> list[Span]:
        """Return when it is on, seconds from the beginning of its window."""
        return [(0.0, length_s)]

    def values(self) -> list[float]:
        """Return the value of each step."""
        return [self.start + (self.end - self.start) * number / (self.steps - 1) for number in range(self.steps)]


class Flap(_Frozen):
    """On for the share `duty` of every `period`, off for the rest; a part of a period at the end is left out."""

    kind: Literal["flap"] = "flap"
    period: PositiveDuration
    duty: float = Field(default=0.5, gt=0, lt=1)

    def spans(self, length_s: float, seed: int) -> list[Span]:
        """Return when it is on, seconds from the beginning of its window."""
        period_s = duration_s(self.period)
        on_s = period_s * self.duty
        count = int((length_s - on_s) / period_s + 1e-9) + 1 if length_s >= on_s - 1e-9 else 0
        return [(number * period_s, number * period_s + on_s) for number in range(min(count, MOST_SPANS))]


class Arrivals(_Frozen):
    """Comes at random moments and stays for `lasting`; the rests between have an exponential distribution of mean `every`.

    A rest is never shorter than LEAST_REST_S. A seed whose first arrival would lie beyond the window draws again.
    """

    kind: Literal["random"] = "random"
    every: PositiveDuration
    lasting: PositiveDuration

    def spans(self, length_s: float, seed: int) -> list[Span]:
        """Return when it is on, seconds from the beginning of its window; a window shorter than `lasting` has none."""
        on_s, mean_s = duration_s(self.lasting), duration_s(self.every)
        random = Random(seed)
        for _ in range(_TRIES if length_s >= on_s else 0):
            found: list[Span] = []
            at_s = random.expovariate(1 / mean_s)
            while at_s + on_s <= length_s and len(found) < MOST_SPANS:
                found.append((at_s, at_s + on_s))
                at_s += on_s + max(LEAST_REST_S, random.expovariate(1 / mean_s))
            if found:
                return found
        return []


Shape = Annotated[Step | Ramp | Flap | Arrivals, Field(discriminator="kind")]


def ramped(parameter: str, start: float, end: float, *, steps: int = 8) -> Ramp:
    """Let one parameter of a fault go from `start` to `end` in equal steps over its window."""
    return cast(Ramp, {"kind": "ramp", "parameter": parameter, "start": start, "end": end, "steps": steps})


def flap(period: str, *, duty: float = 0.5) -> Flap:
    """Switch a fault on for the share `duty` of every `period`."""
    return cast(Flap, {"kind": "flap", "period": period, "duty": duty})


def at_random(*, every: str, lasting: str) -> Arrivals:
    """Let a fault come at random moments, seeded: `every` is the mean rest between two, each stays for `lasting`."""
    return cast(Arrivals, cast(Any, {"kind": "random", "every": every, "lasting": lasting}))
