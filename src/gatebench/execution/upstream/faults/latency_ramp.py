"""The provider becomes slower and slower, as one does whose queue grows."""

from __future__ import annotations

import time

from pydantic import Field

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register


class LatencyRamp(Fault):
    """Adds a delay to the time to first token that goes from `from_ms` to `to_ms` in `over_s`, and stays there.

    The time counts from when the fault was switched on to when the token was due. What was added is in the answer's
    header `x-gatebench-added-us`, so that a proof need not guess how far the ramp had come.
    """

    from_ms: float = Field(default=0.0, ge=0, le=3_600_000)
    to_ms: float = Field(default=1000.0, ge=0, le=3_600_000)
    over_s: float = Field(default=10.0, gt=0, le=86_400)

    async def at_first_token(self, hit: Hit) -> None:
        """Wait, and say how long."""
        now_ns = time.monotonic_ns()
        await hit.pause(self.added_ms((now_ns - hit.active.since_ns) / 1e9) / 1000)
        hit.headers += b"x-gatebench-added-us: %d\r\n" % ((time.monotonic_ns() - now_ns) // 1000)

    def added_ms(self, elapsed_s: float) -> float:
        """Return the delay so long after the beginning."""
        return self.from_ms + (self.to_ms - self.from_ms) * min(1.0, elapsed_s / self.over_s)


register("provider.latency_ramp", LatencyRamp)
