"""The provider answers with something that is nearly JSON."""

from __future__ import annotations

from pydantic import Field

from gatebench.execution.upstream.faults.breaking import breaks_here
from gatebench.execution.upstream.faults.contract import Fault, Hit, Whole
from gatebench.execution.upstream.faults.registry import register


class Malformed(Fault):
    """Leaves out the last brace of a body, or of the event after `after_tokens` tokens; HTTP and the events' frames hold."""

    after_tokens: Whole = Field(default=1, ge=0)

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Leave it out."""
        if not breaks_here(hit, self.after_tokens):
            return data
        text = data.rstrip(b"\n")
        return text[:-1] + data[len(text) :]


register("provider.malformed", Malformed)
