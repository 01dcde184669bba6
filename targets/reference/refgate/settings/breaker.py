"""When a provider is left alone."""

from __future__ import annotations

from pydantic import Field

from .section import Seconds, Section


class BreakerConfig(Section):
    """`failures` failures within `window_s` open a provider's breaker for `open_s`."""

    failures: int = Field(ge=1, le=10_000)
    window_s: Seconds
    open_s: Seconds
