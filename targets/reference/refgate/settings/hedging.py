"""When a second provider is asked although the first has not failed."""

from __future__ import annotations

from pydantic import Field

from .section import SecondsOrOff, Section


class HedgingConfig(Section):
    """After `after_s` without an answer (0: never), and for at most a share of `ratio` of all requests, and one more."""

    after_s: SecondsOrOff = 0.0
    ratio: float = Field(default=0.1, ge=0, le=1)
