"""The sliding window counter: two fixed windows, the older one weighted by how much of it still lies in the last period.

The estimate is previous × (1 − elapsed share of the current window) + current; a request is admitted when the estimate
with it is at most `limit` ("How we built rate limiting capable of scaling to millions of domains", Cloudflare, 2017).
Those who compute in whole numbers round what is left of the older one down (`whole`), and admit up to one request more.
"""

from __future__ import annotations


class SlidingCounter:
    """One key's two counters on a grid of windows that begins at `phase_ns`. The estimate is exact: it is kept times the period."""

    def __init__(self, limit: int, period_ns: int, phase_ns: int = 0, *, whole: bool = False) -> None:
        self._limit, self._period_ns, self._phase_ns, self._whole = limit, period_ns, phase_ns, whole
        self._window: int | None = None
        self._before = self._now = 0

    def room(self, at_ns: int, cost: int = 1) -> bool:
        """Tell whether the estimate leaves room."""
        return self._estimate(at_ns) + cost * self._period_ns <= self._limit * self._period_ns

    def take(self, at_ns: int, cost: int = 1) -> None:
        """Count within the window of that moment."""
        before, now = self._counted(at_ns)
        self._before, self._now = before, now + cost
        self._window = self._number(at_ns)

    def wait_ns(self, at_ns: int, cost: int = 1) -> int:
        """Return how long until the estimate leaves room when nobody else comes, rounded up to a nanosecond."""
        if self.room(at_ns, cost):
            return 0
        before, now = self._counted(at_ns)
        end_ns = (self._number(at_ns) + 1) * self._period_ns + self._phase_ns
        spare = self._limit - cost - now
        if before and spare >= 0:
            return max(0, end_ns - self._left(spare, before) - at_ns)
        spare = max(0, self._limit - cost)
        return end_ns + max(0, self._period_ns - self._left(spare, max(1, now))) - at_ns

    def _left(self, spare: int, counted: int) -> int:
        """Return how much of a period may be left of a window that counted so many, for its weight to be `spare` at most."""
        if self._whole:
            return -(-(spare + 1) * self._period_ns // counted) - 1
        return spare * self._period_ns // counted

    def _number(self, at_ns: int) -> int:
        return (at_ns - self._phase_ns) // self._period_ns

    def _counted(self, at_ns: int) -> tuple[int, int]:
        """Return the counts of the window before and of the one of that moment."""
        if self._window is None:
            return 0, 0
        gone = self._number(at_ns) - self._window
        return (self._before, self._now) if gone == 0 else (self._now, 0) if gone == 1 else (0, 0)

    def _estimate(self, at_ns: int) -> int:
        before, now = self._counted(at_ns)
        left_ns = (self._number(at_ns) + 1) * self._period_ns + self._phase_ns - at_ns
        weighted = before * left_ns
        if self._whole:
            weighted -= weighted % self._period_ns
        return weighted + now * self._period_ns
