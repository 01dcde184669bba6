"""The provider's budget of tokens is used up, and comes back as slowly as it does."""

from __future__ import annotations

import time
from typing import Final, Literal

from pydantic import Field

from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.faults.contract import Fault, Hit, Whole
from gatebench.execution.upstream.faults.registry import register
from gatebench.execution.upstream.limits import Bucket, Exceeded, Standing, Verdict
from gatebench.execution.upstream.rejection import refusal

_MINUTE_NS: Final = 60_000_000_000


class TokensExhausted(Fault):
    """A bucket of `tokens_per_minute` that is empty when the fault begins: 429 until there is enough for a request.

    Requests are charged as by a provider's own limit, and told as much; each of several processes has an equal part.
    Lists of models and REST resources have no tokens and pass. A canary is always told that it wants more than there
    is, and charged nothing.
    """

    status: Literal[429] = 429
    tokens_per_minute: Whole = Field(default=10_000, ge=1, le=1_000_000_000_000)

    async def apply(self, hit: Hit) -> None:
        """Reject it, or charge it and say what is left."""
        asked, dialect = hit.asked, hit.api.dialect
        if isinstance(asked, Refusal) or dialect is None:
            return
        bucket, now_ns = self._bucket(hit), time.monotonic_ns()
        tokens = hit.attempt.tokens_in + asked.tokens
        wait_ns = bucket.wait_ns(tokens, now_ns)
        if hit.attempt.canary:
            tokens = max(tokens, bucket.remaining + 1)
            wait_ns = bucket.wait_ns(tokens, now_ns)
        elif wait_ns == 0:
            bucket.take(tokens)
        standing = Standing("tokens", "min (TPM)", bucket.limit, bucket.remaining, bucket.full_in_ns)
        exceeded = None if wait_ns == 0 else Exceeded(standing, tokens, wait_ns)
        headers = dialect(Verdict((standing,), exceeded), time.time_ns())
        if exceeded is None:
            hit.headers += headers
            return
        rejected = refusal(exceeded, asked.model)
        rejected.headers = headers
        hit.refuse(rejected)

    def _bucket(self, hit: Hit) -> Bucket:
        """Return the bucket of this term, which began empty, and does so anew with another limit."""
        active = hit.active
        bucket: Bucket | None = active.memory.get("bucket")
        if bucket is None or bucket.limit != self.tokens_per_minute:
            bucket = Bucket(self.tokens_per_minute, _MINUTE_NS, _MINUTE_NS, active.share, active.since_ns, full=False)
            active.memory["bucket"] = bucket
        return bucket


register("provider.tokens_exhausted", TokensExhausted)
