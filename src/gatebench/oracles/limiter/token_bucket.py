"""The token bucket: `burst` tokens when full, refilled evenly with `limit` tokens a period (Tanenbaum, "Computer Networks").

Its books are kept in token-nanoseconds (a token is `period_ns` of them, a nanosecond brings `limit`), so that nothing is
rounded.
"""

from __future__ import annotations


class TokenBucket:
    """One key's bucket, full at the first request."""

    def __init__(self, limit: int, period_ns: int, burst: int) -> None:
        self._limit, self._period_ns, self._capacity = limit, period_ns, burst * period_ns
        self._level = self._capacity
        self._at_ns: int | None = None

    def room(self, at_ns: int, cost: int = 1) -> bool:
        """Tell whether `cost` tokens are there."""
        return self.level(at_ns) >= cost * self._period_ns

    def take(self, at_ns: int, cost: int = 1) -> None:
        """Take tokens; what was not there is owed."""
        self._level = self.level(at_ns) - cost * self._period_ns
        self._at_ns = at_ns

    def level(self, at_ns: int) -> int:
        """Return what is in the bucket, token-nanoseconds."""
        waited_ns = 0 if self._at_ns is None else at_ns - self._at_ns
        return min(self._capacity, self._level + waited_ns * self._limit)

    def wait_ns(self, at_ns: int, cost: int = 1) -> int:
        """Return how long until `cost` tokens are there when nobody else comes, rounded up to a nanosecond."""
        lacking = cost * self._period_ns - self.level(at_ns)
        return max(0, -(-lacking // self._limit))
