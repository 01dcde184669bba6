"""GCRA, the generic cell rate algorithm, as virtual scheduling: ITU-T I.371, annex A.

Requests are due one emission interval (period / rate) apart. The theoretical arrival time (TAT) is when the next one is
due; who comes earlier than TAT by more than the tolerance, (burst - 1) intervals, does not conform.
"""

from __future__ import annotations

from .limit import Admission, Limit, ceil_div, in_s, to_us


class Gcra:
    """The TAT of one client, in microseconds x rate: an interval is then exactly `period_us`, whatever the rate."""

    def __init__(self, limit: Limit) -> None:
        self.quota = limit.burst
        self._rate = limit.rate
        self._interval = limit.period_us
        self._most_ahead = limit.burst * limit.period_us
        self._tat: int | None = None

    def admit(self, now_s: float, cost: int = 1) -> Admission:
        """Let it pass if TAT, moved on by what it costs, is not further ahead than `burst` intervals."""
        ahead = self._ahead(now_s)
        needed = min(cost * self._interval, self._most_ahead)
        admitted = ahead + needed <= self._most_ahead
        wait_us = 0 if admitted else ceil_div(ahead + needed - self._most_ahead, self._rate)
        if admitted:
            ahead += cost * self._interval
            self._move(now_s, ahead)
        remaining = max(0, (self._most_ahead - ahead) // self._interval)
        return Admission(admitted, in_s(wait_us), remaining, in_s(ceil_div(ahead, self._rate)))

    def settle(self, now_s: float, ticket: str, more: int) -> None:
        """Move TAT by `more` intervals, not before now."""
        self._move(now_s, max(0, self._ahead(now_s) + more * self._interval))

    def idle(self, now_s: float) -> bool:
        """Tell whether TAT is past."""
        return self._ahead(now_s) == 0

    def _ahead(self, now_s: float) -> int:
        return 0 if self._tat is None else max(0, self._tat - to_us(now_s) * self._rate)

    def _move(self, now_s: float, ahead: int) -> None:
        self._tat = to_us(now_s) * self._rate + ahead
