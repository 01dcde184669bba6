"""A provider as the gateway sees it: a name, an address, the breaker that guards it, and the bulkhead around it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .breaker import Breaker, Permit
from .bulkhead import Bulkhead


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """One upstream."""

    name: str
    url: str
    breaker: Breaker
    bulkhead: Bulkhead = field(default_factory=Bulkhead)

    def enter(self) -> Permit | None:
        """Return leave for one attempt and take its place, or None: full, or to be left alone."""
        if self.bulkhead.is_full():
            return None
        permit = self.breaker.admit()
        if permit is not None:
            self.bulkhead.enter()
        return permit
