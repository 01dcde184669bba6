"""How often a request is sent again."""

from __future__ import annotations

from pydantic import Field

from .section import Seconds, Section


class RetryConfig(Section):
    """`retries` is the most further attempts of a request; the rest holds back those on a provider asked before.

    With `honours_retry_after` a request that a provider refused with Retry-After is not sent to it again before.
    """

    retries: int = Field(ge=0, le=10)
    backoff_s: Seconds
    backoff_cap_s: Seconds
    budget_ratio: float = Field(ge=0, le=1)
    budget_reserve: float = Field(ge=0)
    honours_retry_after: bool = True
