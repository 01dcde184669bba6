"""The client of the store that all stages share: it answers bytes, never tries again, and never runs out of connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

_MOST_CONNECTIONS = 32
_GREETED = 4


def open_redis(url: str) -> Redis:
    """Return a client of the server at `url`. Above 32 questions at a time the next one waits for a connection.

    How long an answer may take is for each stage to say, which knows what a late one is worth.
    """
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    pool = BlockingConnectionPool.from_url(
        url, max_connections=_MOST_CONNECTIONS, timeout=None, retry=Retry(NoBackoff(), 0)
    )
    return Redis.from_pool(pool)


async def greet(redis: Redis) -> None:
    """Open a few connections, so that the first requests need not; a server that is away will be missed soon enough."""
    await asyncio.gather(*(redis.ping() for _ in range(_GREETED)), return_exceptions=True)
