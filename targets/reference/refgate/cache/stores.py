"""Builds the store that is configured."""

from __future__ import annotations

from collections.abc import Callable

from ..settings.cache import CacheConfig
from .bounded import BoundedStore
from .store import MemoryStore, Store
from .tiered import TieredStore


def build_store(config: CacheConfig, clock: Callable[[], float], on_fault: Callable[[], None]) -> Store:
    """Return the store; memory is always at hand, Redis only within its timeout."""
    memory = MemoryStore(config.capacity, clock)
    if config.store == "memory":
        return memory
    # Half a second of imports that a gateway without Redis does not need.
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError

    from .redis_store import RedisStore

    # No second try by itself: it would not fit into the timeout.
    redis = RedisStore(Redis.from_url(config.redis_url, retry=Retry(NoBackoff(), 0)), clock)
    far = BoundedStore(redis, config.store_timeout_s, (OSError, EOFError, ValueError, RedisError), on_fault)
    return far if config.store == "redis" else TieredStore(memory, far)
