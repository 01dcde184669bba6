"""How long a cached answer may be served, and what became of a request that asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FETCH: Final = 0
"""The request was sent upstream."""
JOIN: Final = 1
"""It waited for a fetch that another request had begun."""
HIT: Final = 2
"""A fresh entry answered."""
STALE: Final = 3
"""An entry answered beyond its time to live, within stale-while-revalidate; it is fetched again in the background."""


@dataclass(frozen=True)
class Lifetime:
    """Nanoseconds. The age of an entry counts from the end of the fetch that made it, which takes `fetch_ns`.

    An entry is fresh while its age is below `ttl_ns` (RFC 9111 section 4.2; None: for ever), and may answer for
    `stale_ns` longer while it is fetched again (RFC 5861 section 3).
    """

    ttl_ns: int | None = None
    fetch_ns: int = 0
    stale_ns: int = 0

    def fresh(self, age_ns: int) -> bool:
        """Tell whether an entry of this age is fresh."""
        return self.ttl_ns is None or age_ns < self.ttl_ns

    def servable(self, age_ns: int) -> bool:
        """Tell whether an entry of this age may answer at all."""
        return self.ttl_ns is None or age_ns < self.ttl_ns + self.stale_ns
