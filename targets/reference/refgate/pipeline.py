"""The one place where the order of the stages is written down. A stage that is off is not built and costs nothing.

A new stage is its own file in stages/ with a function that returns it (or None while it is off), its section in
settings/ and `Config`, one line here, and its settings in target.toml and gateway.json.j2.
"""

from __future__ import annotations

from .config import Config
from .shared import Shared
from .stage import Next, compose
from .stages.cache import cache
from .stages.fallback import fallback
from .stages.idempotency import idempotency
from .stages.journal import journal
from .stages.keys import keys
from .stages.limiter import limiter
from .stages.routing import routing
from .stages.shedding import shedding


def build_pipeline(config: Config, shared: Shared, last: Next) -> Next:
    """Return what a call passes, from the client inward; `last` asks the providers."""
    stages = (
        journal(config.log, shared),
        keys(config.keys),
        shedding(config.shedding),
        limiter(config.limiter, shared),
        fallback(config.fallback),
        idempotency(config.idempotency, shared),
        cache(config.cache, shared),
        routing(config.routing, shared),
    )
    return compose([stage for stage in stages if stage is not None], last)
