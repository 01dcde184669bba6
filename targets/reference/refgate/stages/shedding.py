"""Load shedding: above so many requests under way the next ones are refused at once, the least important first.

Those that are taken on keep their answer times; the others are free to go elsewhere. Google's SRE book, "Handling Overload".
"""

from __future__ import annotations

from collections.abc import Mapping

from ..answer import Answer
from ..call import Call, Priority
from ..errors import make_error
from ..settings.shedding import SheddingConfig
from ..stage import Next, Stage

# The share of the places that each priority may fill: while the low ones are refused there is room for the others.
SHARES: Mapping[Priority, float] = {"low": 0.5, "normal": 0.8, "high": 1.0}
_RETRY_AFTER_S = 1.0


def shedding(config: SheddingConfig) -> Stage | None:
    """Return the stage that `config` asks for."""
    return Shedding(config.in_flight) if config.in_flight else None


class Shedding:
    """Counts the requests under way, each until its answer, or its stream, has ended."""

    def __init__(self, in_flight: int) -> None:
        self._most = {priority: max(1, int(in_flight * share)) for priority, share in SHARES.items()}
        self._running = 0

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Take the call on, or answer 503."""
        if self._running >= self._most[call.priority]:
            message = "The gateway is busy; please try again later."
            return make_error(503, "overloaded", message, outcome="shed", retry_after_s=_RETRY_AFTER_S)
        self._running += 1
        call.endings.append(self._ended)
        return await next(call)

    def _ended(self, outcome: str) -> None:
        self._running -= 1
