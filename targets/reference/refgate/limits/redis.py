"""Limits in Redis, shared by all replicas. Each question is one Lua script, which Redis runs alone: nothing can slip between."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .algorithms import Name
from .limit import Admission, Limit, in_s, to_us
from .store import StoreFault

if TYPE_CHECKING:
    from redis.asyncio import Redis

_HERE = Path(__file__).parent
_REDIS_TELLS = -1
_PAUSES_S = (0.1, 1.0, 10.0)


class RedisStore:
    """Counts with one algorithm. Without `clock` the time is Redis's own, so that replicas agree about it.

    `later` does work that nobody waits for.
    """

    def __init__(
        self,
        redis: Redis,
        algorithm: Name,
        *,
        timeout_s: float,
        later: Callable[[Coroutine[Any, Any, None]], None],
        clock: Callable[[], float] | None = None,
    ) -> None:
        text = (_HERE / "prelude.lua").read_text() + (_HERE / f"{algorithm.replace('-', '_')}.lua").read_text()
        self._script = redis.register_script(text)
        self._prefix = f"refgate:limit:{algorithm}"
        self._places = algorithm == "concurrency"
        self._timeout_s = timeout_s
        self._later = later
        self._clock = clock

    async def admit(self, client: str, limit: Limit, cost: int) -> Admission:
        """Ask for `cost` units of `limit` for `client`."""
        ticket, told = uuid.uuid4().hex, False
        try:
            admitted, wait_us, remaining, reset_us, ticket = await self._ask("admit", client, limit, cost, ticket)
            told = True
        finally:
            if self._places and not told:  # Redis may have taken a place for a client that has left, or that gave up
                self._later(self._give_back(client, limit, ticket))
        return Admission(bool(admitted), in_s(wait_us), remaining, in_s(reset_us), ticket)

    async def settle(self, client: str, limit: Limit, ticket: str, more: int) -> None:
        """Correct what `ticket` took. The end of a running request is told again until Redis has heard it."""
        for pause_s in _PAUSES_S if self._places else ():
            with contextlib.suppress(StoreFault):
                await self._ask("settle", client, limit, more, ticket)
                return
            await asyncio.sleep(pause_s)
        await self._ask("settle", client, limit, more, ticket)

    async def _give_back(self, client: str, limit: Limit, ticket: str) -> None:
        with contextlib.suppress(StoreFault):  # then the lease of the place ends it
            await self.settle(client, limit, ticket, 0)

    async def _ask(self, op: str, client: str, limit: Limit, cost: int, ticket: str) -> tuple[int, int, int, int, str]:
        from redis.exceptions import RedisError

        key = f"{self._prefix}:{limit.rate}/{limit.period_us}/{limit.burst}:{{{client}}}"
        now_us = _REDIS_TELLS if self._clock is None else to_us(self._clock())
        try:
            async with asyncio.timeout(self._timeout_s):
                told = await self._script(
                    keys=[key, f"{key}:more"],
                    args=[op, now_us, limit.rate, limit.period_us, limit.burst, cost, ticket],
                )
        except TimeoutError:
            raise StoreFault("did not answer in time") from None
        except (RedisError, OSError) as error:
            raise StoreFault(f"failed: {error}") from error
        *numbers, name = told
        admitted, wait_us, remaining, reset_us = map(int, numbers)
        return admitted, wait_us, remaining, reset_us, name.decode()
