"""A provider as the gateway sees it: a name, an address, and the breaker that guards it."""

from __future__ import annotations

from dataclasses import dataclass

from .breaker import Breaker


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """One upstream."""

    name: str
    url: str
    breaker: Breaker
