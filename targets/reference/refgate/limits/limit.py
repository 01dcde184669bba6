"""What is allowed, and what a limiter says to one who asks. Times are exact: whole microseconds inside, seconds outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """`rate` units (requests or tokens) in `period_us` microseconds; `burst` is the capacity of a bucket."""

    rate: int
    period_us: int
    burst: int


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to one who asks, and what is left after it.

    `retry_after_s` is the earliest time from now at which the same request is admitted if nobody else asks, 0 when it
    is admitted. `remaining` is how many units are left; `reset_s` is when, if nobody asks, all of them are back.
    `ticket` names what was taken, for `settle`.
    """

    admitted: bool
    retry_after_s: float
    remaining: int
    reset_s: float
    ticket: str = ""


class Algorithm(Protocol):
    """The state of one limit for one client. Pure: it is told the time and never waits."""

    quota: int

    def admit(self, now_s: float, cost: int = 1) -> Admission:
        """Take `cost` units at `now_s`, or say when they can be had.

        A cost above the whole quota is admitted when the quota is whole, and is counted in full: it would else never be.
        """

    def settle(self, now_s: float, ticket: str, more: int) -> None:
        """Correct what `ticket` took by `more` units, which may be negative: the true cost is known afterwards."""

    def idle(self, now_s: float) -> bool:
        """Tell whether this is as good as new: whoever holds it may forget it."""


def to_us(seconds: float) -> int:
    """Return seconds as whole microseconds, the nearest ones."""
    return round(seconds * 1_000_000)


def in_s(microseconds: int) -> float:
    """Return microseconds as seconds."""
    return microseconds / 1_000_000


def ceil_div(dividend: int, divisor: int) -> int:
    """Return the quotient, rounded up."""
    return -(-dividend // divisor)
