"""Recovery, outage gap, goodput and inflation, against the knobs that made them and against healthy runs."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.analysis.metrics.moments import first_held, sliding_at_most
from gatebench.stats import JUDGED, BlockBootstrap
from tests.analysis.conftest import Read, Reading


def test_service_that_never_suffered_has_recovered_at_t1(healthy: Reading) -> None:
    """When the first windows after t1 are like the baseline, recovery took no time."""
    assert healthy.value("time_to_recover_s").value == 0.0


def test_slow_recovery_takes_as_long_as_it_took(reading: Read) -> None:
    """400 ms more on every answer for half a second after t1: recovered half a second after t1."""
    value = reading(sick_after_s=0.5, recovery_s=10.0).value("time_to_recover_s")
    assert value.value == pytest.approx(0.5, abs=0.05)  # up to five slow rows may stay in a window: its p99 allows them
    assert value.low is not None
    assert value.low <= (value.value or 0)
    assert "3 adjoining windows of 500 rows" in value.why


def test_recovery_that_does_not_come_is_censored(reading: Read) -> None:
    """A service that stays slow is recovered later than anything that could have been seen."""
    value = reading(sick_after_s=8.0).value("time_to_recover_s")
    assert value.status == "censored"
    # 8 s at 200/s are about 1 600 rows; three windows of 500 could begin at the latest at row 100, half a second in
    assert value.value == pytest.approx(0.5, abs=0.4)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"recovery_s": 6.0}, "3 windows of 500 rows; only"),
        ({"baseline_s": 2.0}, "too few for an upper bound of their p99"),
        ({"baseline_s": 0.0}, "there is no baseline"),
    ],
)
def test_recovery_needs_rows(reading: Read, knobs: dict[str, object], words: str) -> None:
    """With too few rows before or after, recovery is unknown and says what is lacking."""
    value = reading(**knobs).value("time_to_recover_s")
    assert value.status == "unknown"
    assert words in value.why


def test_healthy_services_are_not_called_sick() -> None:
    """Of services that never change, hardly any misses recovery: the bound is that of a window's size, not of the baseline's."""
    random = np.random.default_rng(1)
    since_s = np.arange(2000) / 200
    late, literal = 0, 0
    for _ in range(60):
        rows = random.lognormal(0, 0.25, 4000)
        baseline, after = rows[:2000], rows[2000:]
        for resample, tally in ((400, "late"), (None, "literal")):
            bound = BlockBootstrap(baseline, 0.99, resample).interval(JUDGED).high
            found = first_held(sliding_at_most(after, 500, 0.99, bound), since_s, 500, 3, "recovery")
            missed = found.status != "known" or (found.value or 0) > 0
            late += missed and tally == "late"
            literal += missed and tally == "literal"
    assert late <= 2
    assert literal > 3 * max(1, late)  # counterpart: the interval of the whole baseline would call many of them sick


def test_outage_gap(reading: Read) -> None:
    """Without failover nothing is good from t0 to t1: the gap is the length of the fault, a little more for both ends."""
    gap_s = reading(failover=False).value("outage_gap_s").value
    assert gap_s == pytest.approx(5.0, abs=0.1)


def test_outage_gap_of_a_failover_is_small(healthy: Reading) -> None:
    """With failover the longest silence is a fraction of a second."""
    assert (healthy.value("outage_gap_s").value or 9) < 0.2


def test_outage_gap_to_the_end_is_censored(reading: Read) -> None:
    """When nothing is good any more, the gap is longer than what was seen."""
    value = reading(failover=False, recovery_s=0.0).value("outage_gap_s")
    assert value.status == "censored"
    assert value.value == pytest.approx(5.0, abs=0.1)


def test_goodput_ratio(reading: Read, healthy: Reading) -> None:
    """Goodput in the fault by goodput in the baseline: 1 with failover, 0 without, and in between what was lost."""
    assert healthy.value("goodput_ratio").value == 1.0
    assert reading(failover=False).value("goodput_ratio").value == 0.0
    value = reading(lost=50).value("goodput_ratio")
    assert value.value == pytest.approx(1 - 50 / value.n)
    assert value.low is not None
    assert value.high is not None
    assert value.low < (value.value or 0) < value.high


def test_tail_inflation(reading: Read) -> None:
    """With the breaker never opening every answer of the fault takes 80 ms more: the median of about 46 ms grows by that."""
    read = reading(breaker_failures=10_000)
    value = read.value("tail_inflation_p50").value
    baseline = read.value("response_p50_ms", "baseline").value
    assert baseline is not None
    assert value == pytest.approx((baseline + 80.2) / baseline, rel=0.03)


def test_no_baseline(reading: Read) -> None:
    """Ratios to a baseline that is not there are unknown."""
    read = reading(baseline_s=0.0)
    assert read.value("goodput_ratio").status == "unknown"
    assert read.value("tail_inflation_p99").status == "unknown"
