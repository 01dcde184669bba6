"""The provider rejects requests because nothing is left to pay for them: the 429 that no waiting helps against."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register
from gatebench.execution.upstream.rejection import retry_after

_MESSAGE: Final = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)


class Quota429(Fault):
    """Answers 429: `insufficient_quota` as OpenAI says it; Anthropic knows the one `rate_limit_error` for both."""

    status: Literal[429] = 429
    retry_after_s: float = Field(default=0.0, ge=0, le=86_400)

    async def apply(self, hit: Hit) -> None:
        """Reject it."""
        headers = retry_after(hit.api.dialect, round(self.retry_after_s * 1e9))
        kind = "insufficient_quota"
        hit.refuse(Refusal(self.status, _MESSAGE, code=kind, kind=kind, headers=headers))


register("provider.quota_429", Quota429)
