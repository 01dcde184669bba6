"""The provider ends a stream as if it were complete, without the event that says so."""

from __future__ import annotations

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register


class Unterminated(Fault):
    """Leaves out the terminal event (`[DONE]`, `message_stop`). To HTTP the stream is whole; whole answers are untouched."""

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Leave it out if it is the terminal event."""
        return b"" if hit.last and not hit.whole else data


register("provider.unterminated", Unterminated)
