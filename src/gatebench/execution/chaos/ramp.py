"""What a provider that becomes slower and slower must have added by now, as far as its canary can know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gatebench.faults import FaultDefinition, Value

_SEEN_MS: Final = 100.0
_SHORT: Final = 0.8


class Ramp(NamedTuple):
    """A delay that goes from `from_ms` to `to_ms` in `over_s`."""

    from_ms: float
    to_ms: float
    over_s: float

    def settling_s(self) -> float:
        """Return how long after its beginning it can be measured: when it adds a tenth of a second, or all it ever will."""
        seen_ms = min(_SEEN_MS, max(self.from_ms, self.to_ms))
        if self.from_ms >= seen_ms:
            return 0.0
        return self.over_s * (seen_ms - self.from_ms) / (self.to_ms - self.from_ms)

    def judge(self, added_ns: int, elapsed_ns: int) -> str:
        """Return "answer", or what was added when it is not between what must be there after so long and the end.

        The canary knows a moment at which the ramp was on, not the one at which it began, so that an answer may have
        come further than that.
        """
        progress = min(1.0, elapsed_ns / 1e9 / self.over_s)
        now_ms = self.from_ms + (self.to_ms - self.from_ms) * progress
        least_ms, most_ms = sorted((now_ms, self.to_ms))
        within = _SHORT * least_ms <= added_ns / 1e6 <= most_ms / _SHORT + _SEEN_MS
        return "answer" if within else f"{added_ns / 1e6:.0f} ms added"


def ramp_of(definition: FaultDefinition, parameters: Mapping[str, Value]) -> Ramp | None:
    """Return the ramp of a fault; None for the others."""
    if definition.mechanism != "provider.latency_ramp":
        return None
    return Ramp(float(parameters["from_ms"]), float(parameters["to_ms"]), float(parameters["over_s"]))
