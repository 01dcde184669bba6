"""Builds the store that is configured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..settings.cache import CacheConfig
from ..shared import Shared
from .bounded import BoundedStore
from .store import MemoryStore, Store
from .tiered import TieredStore


def build_store(config: CacheConfig, shared: Shared, clock: Callable[[], float]) -> Store:
    """Return the store; memory is always at hand, Redis only within its timeout."""
    memory = MemoryStore(config.capacity, clock)
    if config.store == "memory":
        return memory
    from redis.exceptions import RedisError  # half a second of imports that a gateway without Redis does not need

    from .redis_store import RedisStore

    far = BoundedStore(
        RedisStore(shared.redis(), clock),
        config.store_timeout_s,
        (OSError, EOFError, ValueError, RedisError),
        partial(shared.metrics.cache_answered, "store_fault"),
    )
    return far if config.store == "redis" else TieredStore(memory, far)
