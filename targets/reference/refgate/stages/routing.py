"""Routing: decides the order in which providers are asked; the first one is the choice, the rest is for when it fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from ..answer import Answer
from ..cache.key import parsed
from ..call import Call
from ..routing.flags import FlagsFile
from ..routing.weights import Weights, drawn, sticky
from ..settings.routing import RoutingConfig
from ..shared import Shared
from ..stage import Next, Stage


def routing(config: RoutingConfig, shared: Shared) -> Stage | None:
    """Return the stage that `config` asks for."""
    if config.kind == "ordered":
        return None
    flags = None
    if config.flags:
        flags = FlagsFile(Path(config.flags), shared.clock)
        shared.reloads.append(flags.reload)
    names = [provider.name for provider in shared.providers]
    return Routing(names, config.weights, flags, is_sticky=config.kind == "sticky")


class Routing:
    """Puts the provider that is chosen by weights in front."""

    def __init__(
        self,
        names: Sequence[str],
        weights: Weights,
        flags: FlagsFile | None,
        *,
        is_sticky: bool,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._names = tuple(names)
        self._weights = weights
        self._flags = flags
        self._is_sticky = is_sticky
        self._draw = draw

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Choose, and pass the call on."""
        chosen = self._chosen(call)
        if chosen is not None:
            call.providers = (chosen, *(name for name in self._names if name != chosen))
        return await next(call)

    def _chosen(self, call: Call) -> str | None:
        """Return the provider to ask first; None for the configured order."""
        weights: Weights = self._weights
        if self._flags is not None:
            flags = self._flags.current()
            if flags.rollback:
                return None
            weights = flags.tenants.get(call.tenant) or flags.weights or weights
        caller = _caller(call) if self._is_sticky else ""
        return sticky(self._names, weights, caller) if caller else drawn(self._names, weights, self._draw())


def _caller(call: Call) -> str:
    """Return who is always to have the same provider: the tenant, else the user that the body names, else nobody."""
    if call.tenant:
        return call.tenant
    user = (parsed(call.body) or {}).get("user")
    return user if isinstance(user, str) else ""
