"""The reactive probe: somebody who is told to come back later, does exactly that, and notes what happens. Plain data."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict

from gatebench.shapes import PositiveDuration
from gatebench.units import rate_per_s


def _rate(text: str) -> str:
    if rate_per_s(text) <= 0:
        raise ValueError(f'"{text}" would send nothing; write for instance 40/s')
    return text


class Reactive(BaseModel):
    """One more tenant that nobody else sends for: beside the load it asks at `pace` until it gets a 429, waits exactly as
    long as its Retry-After says, sends the same again, and begins anew.

    It asks for `route` (the first one of the traffic). A Retry-After beyond `patience`, and a 429 without one, is not
    waited for; the probe then rests for a second. Its requests have the kind "reactive" and are in no headline metric.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pace: Annotated[str, AfterValidator(_rate)] = "40/s"
    route: str | None = None
    patience: PositiveDuration = "10s"


def reactive(**probe: Any) -> Reactive:
    """The reactive probe of a scenario: `pace`, `route`, `patience`."""
    return cast(Reactive, probe)
