"""Fixed window: `rate` units in each window of one period. Windows lie side by side from the clock's zero.

Twice the rate can pass within a short time, across the edge of two windows: the price of two numbers a client.
"""

from __future__ import annotations

from .limit import Admission, Limit, in_s, to_us


class FixedWindow:
    """The count of the present window."""

    def __init__(self, limit: Limit) -> None:
        self.quota = limit.rate
        self._period_us = limit.period_us
        self._window = 0
        self._used = 0

    def admit(self, now_s: float, cost: int = 1) -> Admission:
        """Count `cost` if the window has room for it."""
        now_us = self._turn(now_s)
        left_us = self._period_us - now_us % self._period_us
        admitted = self._used + min(cost, self.quota) <= self.quota
        if admitted:
            self._used += cost
        return Admission(
            admitted,
            0.0 if admitted else in_s(left_us),
            max(0, self.quota - self._used),
            in_s(left_us) if self._used else 0.0,
            str(self._window),
        )

    def settle(self, now_s: float, ticket: str, more: int) -> None:
        """Correct the count if its window is still the present one."""
        self._turn(now_s)
        if ticket == str(self._window):
            self._used = max(0, self._used + more)

    def idle(self, now_s: float) -> bool:
        """Tell whether nothing was counted in the present window."""
        self._turn(now_s)
        return self._used == 0

    def _turn(self, now_s: float) -> int:
        now_us = to_us(now_s)
        if now_us // self._period_us != self._window:
            self._window = now_us // self._period_us
            self._used = 0
        return now_us
