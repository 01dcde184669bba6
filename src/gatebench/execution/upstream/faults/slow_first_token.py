"""The provider takes longer until the first token; what follows comes at its usual pace."""

from __future__ import annotations

from pydantic import Field

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register


class SlowFirstToken(Fault):
    """Adds `delay_ms` to the time to first token, or to the time of a whole answer."""

    delay_ms: float = Field(default=500.0, ge=0, le=3_600_000)

    async def at_first_token(self, hit: Hit) -> None:
        """Wait."""
        await hit.pause(self.delay_ms / 1000)


register("provider.slow_first_token", SlowFirstToken)
