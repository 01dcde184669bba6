"""The provider begins an answer with 200, and says nothing more."""

from __future__ import annotations

import math

from pydantic import Field

from gatebench.execution.upstream.faults.breaking import beginning, breaks_here
from gatebench.execution.upstream.faults.contract import Fault, Hit, Whole
from gatebench.execution.upstream.faults.registry import register


class Stall(Fault):
    """Falls silent after `after_tokens` tokens, at the latest before the last one; a whole answer within its body.

    When the fault ends the connection is closed: an answer that has lost its time cannot go on as if nothing were.
    """

    after_tokens: Whole = Field(default=1, ge=0)

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Say no more, until the caller leaves or the fault ends."""
        if not breaks_here(hit, self.after_tokens):
            return data
        if hit.whole:
            await hit.truncate(*beginning(hit, data, self.after_tokens))
        await hit.pause(math.inf)
        if not hit.over:
            hit.drop()
        return b""


register("provider.stall", Stall)
