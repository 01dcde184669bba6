"""Limits in Redis, shared by all replicas. Each question is one Lua script, which Redis runs alone: nothing can slip between."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .algorithms import Name
from .limit import Admission, Limit, in_s, to_us
from .store import StoreFault

if TYPE_CHECKING:
    from redis.asyncio import Redis

_HERE = Path(__file__).parent
_REDIS_TELLS = -1


class RedisStore:
    """Counts with one algorithm. Without `clock` the time is Redis's own, so that replicas agree about it."""

    def __init__(
        self, redis: Redis, algorithm: Name, *, timeout_s: float, clock: Callable[[], float] | None = None
    ) -> None:
        text = (_HERE / "prelude.lua").read_text() + (_HERE / f"{algorithm.replace('-', '_')}.lua").read_text()
        self._script = redis.register_script(text)
        self._prefix = f"refgate:limit:{algorithm}"
        self._timeout_s = timeout_s
        self._clock = clock

    async def admit(self, client: str, limit: Limit, cost: int) -> Admission:
        """Ask for `cost` units of `limit` for `client`."""
        admitted, wait_us, remaining, reset_us, ticket = await self._ask("admit", client, limit, cost, uuid.uuid4().hex)
        return Admission(bool(admitted), in_s(int(wait_us)), int(remaining), in_s(int(reset_us)), ticket)

    async def settle(self, client: str, limit: Limit, ticket: str, more: int) -> None:
        """Correct what `ticket` took."""
        await self._ask("settle", client, limit, more, ticket)

    async def _ask(self, op: str, client: str, limit: Limit, cost: int, ticket: str) -> tuple[int, str, int, str, str]:
        from redis.exceptions import RedisError

        key = f"{self._prefix}:{limit.rate}/{limit.period_us}/{limit.burst}:{{{client}}}"
        now_us = _REDIS_TELLS if self._clock is None else to_us(self._clock())
        try:
            async with asyncio.timeout(self._timeout_s):
                told = await self._script(
                    keys=[key, f"{key}:sums"],
                    args=[op, now_us, limit.rate, limit.period_us, limit.burst, cost, ticket],
                )
        except TimeoutError:
            raise StoreFault("did not answer in time") from None
        except (RedisError, OSError) as error:
            raise StoreFault(f"failed: {error}") from error
        admitted, wait_us, remaining, reset_us, name = told
        return admitted, wait_us, remaining, reset_us, name
