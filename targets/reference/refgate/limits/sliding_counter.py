"""Sliding counter: two fixed windows, the former one weighed with the share of it that the last period still covers.

It assumes that the former window's requests came evenly, and is exact then. J. Desgats, "How we built rate limiting
capable of scaling to millions of domains", Cloudflare, 2017.
"""

from __future__ import annotations

from .limit import Admission, Limit, ceil_div, in_s, to_us


class SlidingCounter:
    """The counts of the present window and of the former one. Windows lie side by side from the clock's zero."""

    def __init__(self, limit: Limit) -> None:
        self.quota = limit.rate
        self._period_us = limit.period_us
        self._window = 0
        self._used = 0
        self._former = 0

    def admit(self, now_s: float, cost: int = 1) -> Admission:
        """Count `cost` if former x (share of it within the last period) + present + cost is within the rate."""
        into_us = self._turn(now_s)
        needed = min(cost, self.quota)
        admitted = self._weighed(into_us) + needed * self._period_us <= self.quota * self._period_us
        if admitted:
            self._used += cost
        return Admission(
            admitted,
            0.0 if admitted else in_s(self._wait_us(into_us, needed)),
            max(0, self.quota - ceil_div(self._weighed(into_us), self._period_us)),
            in_s(self._reset_us(into_us)),
            str(self._window),
        )

    def settle(self, now_s: float, ticket: str, more: int) -> None:
        """Correct the count of the window that `ticket` names, while it matters."""
        self._turn(now_s)
        if ticket == str(self._window):
            self._used = max(0, self._used + more)
        elif ticket == str(self._window - 1):
            self._former = max(0, self._former + more)

    def idle(self, now_s: float) -> bool:
        """Tell whether both windows are empty."""
        self._turn(now_s)
        return self._used == self._former == 0

    def _weighed(self, into_us: int) -> int:
        """Return the estimate x period."""
        return self._former * (self._period_us - into_us) + self._used * self._period_us

    def _wait_us(self, into_us: int, needed: int) -> int:
        """Return how long until the estimate leaves room for `needed`: in this window, or in the next one."""
        room = self.quota - needed - self._used
        if room >= 0:
            return self._until_us(self._former, room) - into_us
        return self._period_us - into_us + self._until_us(self._used, self.quota - needed)

    def _until_us(self, former: int, room: int) -> int:
        """Return how far into a window `former` x (period - into) has shrunk to `room` x period."""
        return max(0, self._period_us - room * self._period_us // former) if former else 0

    def _reset_us(self, into_us: int) -> int:
        if self._used:
            return 2 * self._period_us - into_us
        return self._period_us - into_us if self._former else 0

    def _turn(self, now_s: float) -> int:
        window, into_us = divmod(to_us(now_s), self._period_us)
        if window != self._window:
            self._former = self._used if window == self._window + 1 else 0
            self._used = 0
            self._window = window
        return into_us
