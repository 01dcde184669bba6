"""Token bucket: `burst` tokens at most, `rate` of them come back each period, evenly; a request takes what it costs.

J. Turner, "New directions in communications", IEEE Communications Magazine, 1986.
"""

from __future__ import annotations

from .limit import Admission, Limit, ceil_div, in_s, to_us


class TokenBucket:
    """A bucket, full at first. The level is kept in tokens x period, so that no token is ever lost to rounding."""

    def __init__(self, limit: Limit) -> None:
        self.quota = limit.burst
        self._rate = limit.rate
        self._token = limit.period_us
        self._full = limit.burst * limit.period_us
        self._level = self._full
        self._at_us: int | None = None

    def admit(self, now_s: float, cost: int = 1) -> Admission:
        """Take `cost` tokens if they are there. What costs more than the bucket holds leaves it in debt."""
        self._fill(to_us(now_s))
        needed = min(cost * self._token, self._full)
        admitted = self._level >= needed
        if admitted:
            self._level -= cost * self._token
        wait_us = 0 if admitted else ceil_div(needed - self._level, self._rate)
        return Admission(
            admitted,
            in_s(wait_us),
            max(0, self._level // self._token),
            in_s(ceil_div(self._full - self._level, self._rate)),
        )

    def settle(self, now_s: float, ticket: str, more: int) -> None:
        """Take `more` tokens out, into debt if need be, or give some back."""
        self._fill(to_us(now_s))
        self._level = min(self._full, self._level - more * self._token)

    def idle(self, now_s: float) -> bool:
        """Tell whether the bucket is full."""
        self._fill(to_us(now_s))
        return self._level == self._full

    def _fill(self, now_us: int) -> None:
        elapsed_us = 0 if self._at_us is None else max(0, now_us - self._at_us)
        self._level = min(self._full, self._level + elapsed_us * self._rate)
        self._at_us = now_us if self._at_us is None else max(self._at_us, now_us)
