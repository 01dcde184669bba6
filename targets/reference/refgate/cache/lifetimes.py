"""How long an answer is good when its provider says nothing about it: the configured times, with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from .entry import Lifetime


class Lifetimes:
    """Draws each entry's freshness uniformly from `lifetime.fresh_s` * (1 - jitter) to that time itself.

    Entries made together then do not expire together, and none outlives what was configured.
    """

    def __init__(self, lifetime: Lifetime, jitter: float, draw: Callable[[], float] = random.random) -> None:
        self._lifetime = lifetime
        self._jitter = jitter
        self._draw = draw

    def next(self) -> Lifetime:
        """Return the lifetime of a new entry."""
        return replace(self._lifetime, fresh_s=self._lifetime.fresh_s * (1 - self._jitter * self._draw()))
