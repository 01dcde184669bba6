"""How much a client may ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from ..limits.limit import Limit, to_us
from .section import Seconds, Section

_TIER = re.compile(r"([^=,\s]+)(?:=(\d+)/(\d+(?:\.\d+)?)(ms|s|m|h))?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Lua's numbers are doubles: whole numbers are exact below 2^53, and sums of two such below 2^52.
_MOST_COUNTED = 2**52


class LimiterConfig(Section):
    """`rate` units each `period_s` for every client; `burst` is the capacity of a bucket, 0 for as much as the rate.

    `tiers` gives tiers limits of their own, "free=100/10s,pro=1000/10s,unlimited": a bucket as large as the rate, and no
    limit for a bare name. A tier that is not named has `rate`, `period_s` and `burst`.
    """

    algorithm: Literal[
        "off", "token-bucket", "gcra", "sliding-log", "sliding-counter", "fixed-window", "concurrency"
    ] = "off"
    rate: int = Field(default=1, ge=1)
    period_s: Seconds = 1.0
    burst: int = Field(default=0, ge=0)
    counts: Literal["requests", "tokens"] = "requests"
    tiers: str = ""
    store: Literal["memory", "redis"] = "memory"
    on_store_fault: Literal["open", "closed"] = "open"
    store_timeout_s: Seconds = 0.05

    @property
    def limit(self) -> Limit:
        """The limit of those whose tier has none of its own."""
        return Limit(self.rate, to_us(self.period_s), self.burst or self.rate)

    def tier_limits(self) -> Mapping[str, Limit | None]:
        """Return the limit of each tier that is named; None is no limit."""
        limits: dict[str, Limit | None] = {}
        for text in filter(None, (part.strip() for part in self.tiers.split(","))):
            found = _TIER.fullmatch(text)
            if found is None:
                raise ValueError(f'"{text}" is no tier; write it as free=100/10s, or only its name for no limit')
            name, rate, period, unit = found.groups()
            limits[name] = (
                None if rate is None else Limit(int(rate), to_us(float(period) * _SECONDS[unit]), burst=int(rate))
            )
        return limits

    @model_validator(mode="after")
    def _countable(self) -> LimiterConfig:
        if self.algorithm == "concurrency" and self.counts == "tokens":
            raise ValueError("concurrency counts requests; choose another algorithm for tokens")
        for limit in (self.limit, *self.tier_limits().values()):
            if limit is not None and (limit.rate < 1 or limit.period_us < 1):
                raise ValueError("a limit of nothing admits nobody; write at least 1, and a period above zero")
            if limit is not None and max(limit.rate, limit.burst) * limit.period_us > _MOST_COUNTED:
                raise ValueError("rate times period is too large to be counted exactly; choose a shorter period")
        return self
