"""The journal of requests: one line for each when it has ended, never a body, a query or a key."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..answer import Answer
from ..call import Call
from ..log import note
from ..settings.log import LogConfig
from ..shared import Shared
from ..stage import Next, Stage


def journal(config: LogConfig, shared: Shared) -> Stage | None:
    """Return the stage that `config` asks for."""
    return Journal(shared.clock) if config.requests else None


class Journal:
    """Writes a line when a call ends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Pass the call on, and note how it ends."""
        answer: Answer | None = None

        def ended(outcome: str) -> None:
            note(
                logging.INFO,
                "request",
                **call.facts(),
                tier=call.tier,
                method=call.method,
                path=call.path.partition("?")[0],
                status=None if answer is None else answer.status,
                outcome=outcome,
                provider=call.served_by,
                ms=round((self._clock() - call.arrived_s) * 1000, 3),
            )

        call.endings.append(ended)
        answer = await next(call)
        return answer
