"""A limiter whose store does not answer asks it again and again for a second before it goes on without it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

_INSISTS_S = 1.0


def spoil() -> None:
    """The first faults are none."""
    from targets.reference.refgate.limits.redis import RedisStore
    from targets.reference.refgate.limits.store import StoreFault

    ask = RedisStore._ask

    async def insists(self: RedisStore, *question: Any) -> Any:
        until_s = time.monotonic() + _INSISTS_S
        while True:
            try:
                return await ask(self, *question)
            except StoreFault:
                if time.monotonic() >= until_s:
                    raise
            await asyncio.sleep(0.1)

    RedisStore._ask = insists  # type: ignore[method-assign,assignment]
