"""The provider rejects requests because too many came: the 429 that goes away by waiting."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register
from gatebench.execution.upstream.rejection import duration, retry_after


class Rate429(Fault):
    """Answers 429: `rate_limit_exceeded` as OpenAI says it, `rate_limit_error` as Anthropic does.

    `retry_after_s` is what `retry-after` says; 0 says nothing.
    """

    status: Literal[429] = 429
    retry_after_s: float = Field(default=1.0, ge=0, le=86_400)

    async def apply(self, hit: Hit) -> None:
        """Reject it."""
        wait_ns = round(self.retry_after_s * 1e9)
        model = "" if isinstance(hit.asked, Refusal) else hit.asked.model
        what = f"Rate limit reached for {model or hit.attempt.path} on requests per min (RPM)."
        if wait_ns:
            what += f" Please try again in {duration(wait_ns)}."
        headers = retry_after(hit.api.dialect, wait_ns)
        hit.refuse(Refusal(self.status, what, code="rate_limit_exceeded", kind="requests", headers=headers))


register("provider.rate_429", Rate429)
