"""The provider closes the connection in the middle of an answer, as a process that is killed does."""

from __future__ import annotations

from pydantic import Field

from gatebench.execution.upstream.faults.breaking import beginning, breaks_here
from gatebench.execution.upstream.faults.contract import Fault, Hit, Whole
from gatebench.execution.upstream.faults.registry import register


class Cut(Fault):
    """Closes within the token after `after_tokens`, inside its event; a whole answer within its body."""

    after_tokens: Whole = Field(default=1, ge=0)

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Write a part of it, and close."""
        if not breaks_here(hit, self.after_tokens):
            return data
        await hit.truncate(*beginning(hit, data, self.after_tokens))
        if not hit.over:
            hit.drop()
        return b""


register("provider.cut", Cut)
