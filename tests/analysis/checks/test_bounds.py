"""Judging a number against a bound: a table of every case, pure."""

from __future__ import annotations

from typing import Literal

import pytest

from gatebench.analysis.checks.bounds import Bound, Direction, decide
from gatebench.analysis.metrics.registry import Judged
from gatebench.run.summary import CheckVerdict, MetricValue


def number(
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    status: Literal["known", "unknown", "censored"] = "known",
    unit: str = "ms",
) -> MetricValue:
    """Return a measured number whose interval for checks is low…high."""
    return MetricValue(
        name="m",
        title="M",
        unit=unit,
        better="lower",
        status=status,
        value=value,
        judged_low=low,
        judged_high=high,
        confidence=0.95,
        n=1000,
        why="too few rows" if status == "unknown" else "",
    )


@pytest.mark.parametrize(
    ("direction", "limit", "low", "high", "verdict"),
    [
        ("at_most", 100, 80, 90, "pass"),  # the whole interval lies inside
        ("at_most", 100, 80, 100, "pass"),  # the bound itself is inside
        ("at_most", 100, 80, 110, "unknown"),  # the interval holds the bound
        ("at_most", 100, 101, 110, "fail"),  # the whole interval lies outside
        ("at_least", 0.99, 0.995, 1.0, "pass"),
        ("at_least", 0.99, 0.985, 1.0, "unknown"),
        ("at_least", 0.99, 0.97, 0.985, "fail"),
        ("at_most", 100, 80, None, "unknown"),  # the data show no upper end
        ("at_most", 100, 101, None, "fail"),  # but the lower one is enough to fail
        ("at_most", 100, None, 90, "pass"),
        ("at_most", 100, None, None, "unknown"),
    ],
)
def test_interval(
    direction: Direction, limit: float, low: float | None, high: float | None, verdict: CheckVerdict
) -> None:
    """It passes when the interval lies inside, fails when the interval excludes the bound, else it is unknown."""
    decision = decide(Bound(direction, limit, "interval"), number(95.0, low, high))
    assert decision.verdict == verdict
    assert bool(decision.why) is (verdict != "pass")


@pytest.mark.parametrize(
    ("judged", "point", "value", "verdict"),
    [
        ("exact", False, 0.0, "pass"),
        ("exact", False, 1.0, "fail"),  # one duplicate is one too many, whatever an interval would say
        ("interval", True, 0.0, "pass"),  # asked for the number itself
        ("interval", True, 1.0, "fail"),
        ("interval", False, 0.0, "unknown"),  # the interval 0 to 3 holds the bound 0
    ],
)
def test_counts_and_points(judged: Judged, point: bool, value: float, verdict: CheckVerdict) -> None:
    """Exact properties are judged on counts; a point estimate is an explicit choice."""
    assert decide(Bound("at_most", 0, judged, point), number(value, 0.0, 3.0)).verdict == verdict


@pytest.mark.parametrize(
    ("direction", "limit", "least", "verdict"),
    [
        ("at_most", 2.0, 2.5, "fail"),  # "> 2.5 s" is above 2.0
        ("at_most", 2.5, 2.5, "fail"),  # "> 2.5 s" is above 2.5
        ("at_most", 3.0, 2.5, "unknown"),  # "> 2.5 s" may be 2.6 or 9
        ("at_least", 2.0, 2.5, "pass"),
        ("at_least", 3.0, 2.5, "unknown"),
    ],
)
def test_censored(direction: Direction, limit: float, least: float, verdict: CheckVerdict) -> None:
    """A moment that was not reached fails every bound below what was seen, and decides nothing above it."""
    decision = decide(Bound(direction, limit, "interval"), number(least, status="censored"))
    assert decision.verdict == verdict


def test_unknown_number_is_unknown() -> None:
    """What was not measured is never a pass, and says why."""
    decision = decide(Bound("at_most", 1e9, "exact"), number(None, status="unknown"))
    assert (decision.verdict, decision.why) == ("unknown", "too few rows")


def test_unknown_says_what_would_tell() -> None:
    """An undecided share says how many requests at the same share would decide it."""
    share = number(1.0, 0.985, 1.0, unit="share")
    share.n = 600
    # all good needs z² · 0.99 / 0.01 = 945.4 rows: the first doubling of 600 that has them is 1 200
    why = decide(Bound("at_least", 0.99, "interval"), share).why
    assert "about 1200 requests at the same share would tell, here were 600" in why
    assert "would narrow it" in decide(Bound("at_most", 100, "interval"), number(95.0, 80, 110)).why


def test_resolution_says_what_would_tell() -> None:
    """A moment that lies within its resolution of the bound needs a higher rate."""
    moment = number(1.01, 0.99, 1.01, unit="s")
    moment.confidence = None
    assert "a higher rate would narrow its resolution" in decide(Bound("at_most", 1.0, "interval"), moment).why


def test_a_count_that_may_be_low_says_what_would_tell() -> None:
    """An over-admission whose error holds the bound needs moments that are known better; one whose error does not is judged."""
    count = number(0.0, 0.0, 3.3, unit="requests")
    count.confidence = None
    assert "a quieter machine" in decide(Bound("at_most", 1.0, "interval"), count).why
    assert decide(Bound("at_most", 5.0, "interval"), count).verdict == "pass"
