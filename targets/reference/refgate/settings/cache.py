"""Which answers are kept, for how long, and for whom."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Seconds, SecondsOrOff, Section


class CacheConfig(Section):
    """`kind`: exact and semantic keep the answers to prompts, http what HTTP allows a shared cache to keep.

    `ttl_s` is the freshness of what says nothing itself; entries are drawn from `ttl_s` * (1 - `ttl_jitter`) upward.
    `fallback` keeps answers so that they can stand in when no provider answers, with `kind` off as well; they may then
    be `stale_if_error_s` old, or a day for 0.
    """

    kind: Literal["off", "exact", "semantic", "http"] = "off"
    fallback: bool = False
    ttl_s: SecondsOrOff = 60
    ttl_jitter: float = Field(default=0, ge=0, le=1)
    capacity: int = Field(default=10_000, ge=1, le=1_000_000)
    coalescing: bool = True
    stale_while_revalidate_s: SecondsOrOff = 0
    stale_if_error_s: SecondsOrOff = 0
    scope: Literal["tenant", "shared"] = "tenant"
    store: Literal["memory", "redis", "tiered"] = "memory"
    store_timeout_s: Seconds = 0.05
    threshold: float = Field(default=0.95, gt=0, le=1)

    @property
    def is_on(self) -> bool:
        """Whether anything is kept."""
        return self.kind != "off" or self.fallback
