"""The sliding log: of the requests within the last period at most `limit` are admitted; each admitted one is remembered."""

from __future__ import annotations

from collections import deque


class SlidingLog:
    """One key's log. A request leaves it exactly one period after it was admitted."""

    def __init__(self, limit: int, period_ns: int) -> None:
        self._limit, self._period_ns = limit, period_ns
        self._log: deque[tuple[int, int]] = deque()
        self._sum = 0

    def room(self, at_ns: int, cost: int = 1) -> bool:
        """Tell whether the last period has room for `cost` more."""
        self._forget(at_ns)
        return self._sum + cost <= self._limit

    def take(self, at_ns: int, cost: int = 1) -> None:
        """Write into the log."""
        self._forget(at_ns)
        self._log.append((at_ns, cost))
        self._sum += cost

    def wait_ns(self, at_ns: int, cost: int = 1) -> int:
        """Return how long until enough has left the log when nobody else comes."""
        self._forget(at_ns)
        left, until_ns = self._sum, 0
        for moment, spent in self._log:
            if left + cost <= self._limit:
                break
            left -= spent
            until_ns = moment + self._period_ns - at_ns
        return until_ns

    def _forget(self, at_ns: int) -> None:
        while self._log and at_ns - self._log[0][0] >= self._period_ns:
            self._sum -= self._log.popleft()[1]
