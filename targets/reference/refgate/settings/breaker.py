"""When a provider is left alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Seconds, SecondsOrOff, Section


class BreakerConfig(Section):
    """What opens a provider's breaker for `open_s`, after which `probes` attempts decide.

    "count": `failures` failures within `window_s`. "rate": a share of `error_rate` of the calls within `window_s`, if they
    are at least `least_calls`. An answer that takes `slow_call_s` is a failure too; 0 is never.
    """

    mode: Literal["count", "rate"] = "count"
    failures: int = Field(ge=1, le=10_000)
    window_s: Seconds
    open_s: Seconds
    error_rate: float = Field(default=0.5, gt=0, le=1)
    least_calls: int = Field(default=20, ge=1, le=10_000)
    slow_call_s: SecondsOrOff = 0.0
    probes: int = Field(default=1, ge=1, le=100)
