"""What every stage may use: who is asked, what is counted, what time it is, the store, and work that nobody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .metrics import Metrics
from .provider import Provider

if TYPE_CHECKING:
    from redis.asyncio import Redis


@dataclass(slots=True, eq=False)
class Shared:
    """The parts of one gateway; `closing` is unwound by `close`, after the last request, `reloads` are for SIGHUP."""

    providers: tuple[Provider, ...]
    metrics: Metrics
    store_url: str | None = None
    clock: Callable[[], float] = time.monotonic
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    reloads: list[Callable[[], None]] = field(default_factory=list)
    _redis: Redis | None = None
    _later: set[asyncio.Task[None]] = field(default_factory=set)

    def redis(self) -> Redis:
        """Return the client of the store at `store_url`, one for all stages. It answers bytes and never tries again.

        How long an answer may take is for each stage to say, which knows what a late one is worth.
        """
        if self._redis is None:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            assert self.store_url is not None  # noqa: S101 - `Config` has seen to it
            self._redis = Redis.from_url(self.store_url, retry=Retry(NoBackoff(), 0))
            self.closing.push_async_callback(self._redis.aclose)
        return self._redis

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` while nobody waits for it; what is not done when the gateway ends is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def reload(self) -> None:
        """Read again what may change while the gateway runs."""
        for reload in self.reloads:
            reload()

    async def close(self) -> None:
        """Cancel what is left to do, and close everything."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self.closing.aclose()
