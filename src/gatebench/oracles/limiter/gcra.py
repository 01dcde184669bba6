"""The generic cell rate algorithm (ITU-T I.371, annex A; virtual scheduling).

A request has a theoretical arrival time, one interval T = period ÷ limit after the one before it. It is admitted when it
comes no more than (burst − 1) · T too early, so that `burst` requests may come at once. This is a token bucket that
stores a time instead of a level.

Times are kept as nanoseconds times `limit`, in which T is the period itself: nothing is rounded.
"""

from __future__ import annotations


class Gcra:
    """One key's theoretical arrival time."""

    def __init__(self, limit: int, period_ns: int, burst: int) -> None:
        self._limit, self._interval = limit, period_ns
        self._tolerance = burst * period_ns
        self._due: int | None = None

    def room(self, at_ns: int, cost: int = 1) -> bool:
        """Tell whether a request of `cost` intervals comes no earlier than the tolerance allows."""
        now = at_ns * self._limit
        return self._next(now, cost) - now <= self._tolerance

    def take(self, at_ns: int, cost: int = 1) -> None:
        """Move the theoretical arrival time on."""
        self._due = self._next(at_ns * self._limit, cost)

    def wait_ns(self, at_ns: int, cost: int = 1) -> int:
        """Return how long until a request is admitted when nobody else comes, rounded up to a nanosecond."""
        now = at_ns * self._limit
        return max(0, -(-(self._next(now, cost) - self._tolerance - now) // self._limit))

    def _next(self, now: int, cost: int) -> int:
        return (now if self._due is None else max(now, self._due)) + cost * self._interval
