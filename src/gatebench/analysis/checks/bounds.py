"""Judges one number against one bound: its interval lies inside, lies outside, or holds the bound and cannot tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gatebench.analysis.metrics.registry import Judged
from gatebench.analysis.wording import text
from gatebench.run.summary import CheckVerdict, MetricValue
from gatebench.stats import rows_needed

Direction = Literal["at_least", "at_most"]


@dataclass(frozen=True)
class Bound:
    """A bound and how to hold a number against it; `point` judges the number itself where its interval is too wide."""

    direction: Direction
    limit: float
    judged: Judged
    point: bool = False

    def holds(self, number: float) -> bool:
        """Tell whether a number lies inside; the bound itself does."""
        return number >= self.limit if self.direction == "at_least" else number <= self.limit


@dataclass(frozen=True)
class Decision:
    """A verdict, the interval that it rests on, and why it is not a pass."""

    verdict: CheckVerdict
    low: float | None = None
    high: float | None = None
    why: str = ""


def decide(bound: Bound, value: MetricValue) -> Decision:
    """Return the verdict on `value`.

    A moment that was not reached is only known to be above its value: that fails an upper bound at or below it and
    meets a lower bound at or below it; nothing else can be said. Intervals are those at alpha = 0.001 (`measurement.md`
    25).
    """
    if value.status == "unknown" or value.value is None:
        return Decision("unknown", why=value.why or "it was not measured")
    if value.status == "censored":
        return _censored(bound, value.value, value.why)
    if bound.point or bound.judged == "exact":
        inside = bound.holds(value.value)
        return Decision("pass") if inside else Decision("fail", why=_missed(bound, value))
    return _by_interval(bound, value)


def _missed(bound: Bound, value: MetricValue) -> str:
    """Return by how much an exact number misses its bound: "2 of 4008 requests; the bound is at most 0"."""
    if value.why:
        found = value.why
    elif value.unit in ("requests", "answers", "attempts"):
        found = f"{text(value.value or 0)} of {value.n} {value.unit}"
    else:
        found = f"it is {text(value.value or 0)}"
    return f"{found}; the bound is {_side(bound)} {text(bound.limit)}"


def _censored(bound: Bound, least: float, why: str) -> Decision:
    if bound.direction == "at_most" and least >= bound.limit:
        return Decision("fail", why=why)
    if bound.direction == "at_least" and least >= bound.limit:
        return Decision("pass")
    return Decision("unknown", why=f"{why}; all that is known is that it is above {text(least)}. Lengthen the phase")


def _by_interval(bound: Bound, value: MetricValue) -> Decision:
    if value.judged_low is None and value.judged_high is None:
        return Decision("unknown", why='the data show no interval for it; estimate="point" judges the number itself')
    verdict: CheckVerdict
    low = value.judged_low if value.judged_low is not None else -math.inf
    high = value.judged_high if value.judged_high is not None else math.inf
    if bound.holds(low) and bound.holds(high):
        verdict, why = "pass", ""
    elif not bound.holds(low) and not bound.holds(high):
        verdict, why = "fail", f"{_interval(value)} lies outside {_side(bound)} {text(bound.limit)}"
    else:
        verdict = "unknown"
        why = f"{_interval(value)} holds the bound {text(bound.limit)}; {_what_would_tell(bound, value)}"
    return Decision(verdict, value.judged_low, value.judged_high, why)


def _interval(value: MetricValue) -> str:
    low = text(value.judged_low) if value.judged_low is not None else "nothing"
    high = text(value.judged_high) if value.judged_high is not None else "nothing"
    return f"the interval from {low} to {high}"


def _what_would_tell(bound: Bound, value: MetricValue) -> str:
    if value.confidence is None and value.unit == "requests":
        return "moments that are known better would tell: a quieter machine, or a lower rate"
    if value.confidence is None:
        return "a higher rate would narrow its resolution"
    if value.unit == "share" and value.value is not None:
        rows = rows_needed(round(value.value * value.n), value.n, bound.limit)
        if rows is not None:
            return f"about {rows} requests at the same share would tell, here were {value.n}"
    return "a longer phase, a higher rate or more rounds would narrow it"


def _side(bound: Bound) -> str:
    return "at least" if bound.direction == "at_least" else "at most"
