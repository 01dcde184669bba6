"""The cache: which calls it is for, and which of its kinds serves them."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..cache.entry import Lifetime
from ..cache.http_cache import HttpCache
from ..cache.lifetimes import Lifetimes
from ..cache.prompt_cache import PromptCache
from ..cache.serving import Serving
from ..cache.stores import build_store
from ..settings.cache import CacheConfig
from ..shared import Shared
from ..stage import Stage

_ANY_AGE_S = 86_400.0


def cache(config: CacheConfig, shared: Shared, clock: Callable[[], float] = time.time) -> Stage | None:
    """Return the stage that `config` asks for; its clock counts from the epoch, so that replicas agree on ages."""
    if not config.is_on:
        return None
    store = build_store(config, shared, clock)
    serving = Serving(
        store,
        clock,
        coalescing=config.coalescing and config.kind != "off",
        serves_fresh=config.kind != "off",
        observe=lambda claim: shared.metrics.cache_answered(claim.lower()),
    )
    lifetime = Lifetime(
        config.ttl_s if config.kind != "off" else 0.0,
        config.stale_while_revalidate_s,
        config.stale_if_error_s or (_ANY_AGE_S if config.fallback else 0.0),
    )
    shares = config.scope == "shared"
    if config.kind == "http":
        return HttpCache(serving, store, lifetime, clock, shared_scope=shares)
    semantics = None
    if config.kind == "semantic":
        from ..cache.embedding import wordllama_embedding  # with numpy and the weights: for this kind alone
        from ..cache.semantics import Semantics

        semantics = Semantics(wordllama_embedding(), store, clock, capacity=config.capacity, threshold=config.threshold)
    return PromptCache(serving, store, Lifetimes(lifetime, config.ttl_jitter), clock, semantics, shared_scope=shares)
