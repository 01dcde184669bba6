"""Concurrency: at most `rate` requests at the same time, however long each takes."""

from __future__ import annotations

from .limit import Admission, Limit

# Nobody knows when a running request ends; this is what a client is told to wait.
RETRY_AFTER_S = 1.0


class Concurrency:
    """The number of requests under way. `settle` ends one; the cost of a request is always one."""

    def __init__(self, limit: Limit) -> None:
        self.quota = limit.rate
        self._running: set[str] = set()
        self._number = 0

    def admit(self, now_s: float, cost: int = 1) -> Admission:
        """Begin one if there is a place."""
        admitted = len(self._running) < self.quota
        if admitted:
            self._number += 1
            self._running.add(str(self._number))
        left = self.quota - len(self._running)
        wait_s = 0.0 if admitted else RETRY_AFTER_S
        return Admission(admitted, wait_s, left, RETRY_AFTER_S if self._running else 0.0, str(self._number))

    def settle(self, now_s: float, ticket: str, more: int) -> None:
        """The request of `ticket` has ended."""
        self._running.discard(ticket)

    def idle(self, now_s: float) -> bool:
        """Tell whether nothing is under way."""
        return not self._running
