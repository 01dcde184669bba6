"""Sliding log: at most `rate` units in any period, exactly, for the price of remembering each request that was admitted."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .limit import Admission, Limit, in_s, to_us


@dataclass(slots=True)
class _Entry:
    number: int
    at_us: int
    cost: int


class SlidingLog:
    """The requests of the last period: those admitted less than one period ago count."""

    def __init__(self, limit: Limit) -> None:
        self.quota = limit.rate
        self._period_us = limit.period_us
        self._log: deque[_Entry] = deque()
        self._used = 0
        self._number = 0

    def admit(self, now_s: float, cost: int = 1) -> Admission:
        """Write it down if the last period has room for `cost`."""
        now_us = self._forget(now_s)
        needed = min(cost, self.quota)
        admitted = self._used + needed <= self.quota
        wait_us = 0 if admitted else self._wait_us(now_us, needed)
        if admitted:
            self._number += 1
            self._log.append(_Entry(self._number, now_us, cost))
            self._used += cost
        reset_us = self._log[-1].at_us + self._period_us - now_us if self._log else 0
        return Admission(admitted, in_s(wait_us), max(0, self.quota - self._used), in_s(reset_us), str(self._number))

    def settle(self, now_s: float, ticket: str, more: int) -> None:
        """Correct what is written down, if it still is."""
        self._forget(now_s)
        for entry in reversed(self._log):
            if str(entry.number) == ticket:
                change = max(more, -entry.cost)
                entry.cost += change
                self._used += change
                return

    def idle(self, now_s: float) -> bool:
        """Tell whether nothing is written down."""
        self._forget(now_s)
        return not self._log

    def _wait_us(self, now_us: int, needed: int) -> int:
        freed = 0
        for entry in self._log:
            freed += entry.cost
            if self._used - freed + needed <= self.quota:
                return entry.at_us + self._period_us - now_us
        raise AssertionError("an empty log has room for whatever is not above the quota")

    def _forget(self, now_s: float) -> int:
        now_us = to_us(now_s)
        while self._log and self._log[0].at_us + self._period_us <= now_us:
            self._used -= self._log.popleft().cost
        return now_us
