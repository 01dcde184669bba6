"""Failover and failback, against the knobs that made them."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.traffic import Route
from tests.analysis.conftest import Read, Reading


def test_failover_time_is_the_first_good_answer_from_elsewhere(healthy: Reading) -> None:
    """It is the due time of that request - t0, and its resolution is the request due before."""
    tables = healthy.tables
    t0_s = tables.outages[0].t0_ns / 1e9
    rows = tables.load[tables.load["due_s"] >= t0_s]
    first = rows[rows["good"] & (rows["provider"] == "provider-b")].iloc[0]
    value = healthy.value("failover_time_s")
    assert value.value == pytest.approx(first["due_s"] - t0_s)
    assert value.low is not None
    assert 0 <= value.low <= (value.value or 0)


def test_slow_failover_takes_as_long_as_it_took(reading: Read) -> None:
    """When the first answers from elsewhere are too late to be good, failover is over only once they are good."""
    # An attempt at the dropping provider takes 300 ms > 250 ms objective; the breaker opens after five of them, 300 ms after t0.
    value = reading(notice_ms=300).value("failover_time_s")
    assert value.value is not None
    assert 0.25 < value.value < 0.6


def test_no_failover_is_censored(reading: Read) -> None:
    """Without a failover its time is above the length of the fault, not 0 and not missing."""
    value = reading(failover=False).value("failover_time_s")
    assert value.status == "censored"
    assert value.value == pytest.approx(5.001)  # t1 - t0 = 9.504 - 4.503


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"split": 0.5}, "does not show a failover"),
        ({"evidence": "no-ledger", "provider_streams": ()}, "do not say which provider"),
        ({"fault_on": "front", "effect": "ratio"}, "no elsewhere to fail over to"),
        ({"rate_per_s": 2.0}, "fewer than 20 answers of the baseline"),
    ],
)
def test_what_cannot_be_told_is_unknown(reading: Read, knobs: dict[str, object], words: str) -> None:
    """Where it cannot be said who answers instead of whom, the failover's numbers are unknown, with the reason."""
    read = reading(**knobs)
    for name in ("failover_time_s", "failover_sustained_s", "failover_coverage", "time_to_failback_s"):
        assert read.value(name).status == "unknown"
        assert words in read.value(name).why


def test_sustained_and_covered(healthy: Reading) -> None:
    """A failover that holds from the start is sustained from t0 on and covers everything."""
    assert healthy.value("failover_sustained_s").value == 0.0
    assert healthy.value("failover_coverage").value == 1.0


def test_coverage_counts_what_nobody_served(reading: Read) -> None:
    """Requests that were lost during the fault are not covered."""
    value = reading(lost=10).value("failover_coverage")
    assert value.value == pytest.approx(1 - 10 / value.n)


def test_nothing_is_covered_without_failover(reading: Read) -> None:
    """Without a failover coverage is 0 and its sustained time is not reached."""
    read = reading(failover=False)
    assert read.value("failover_coverage").value == 0.0
    assert read.value("failover_sustained_s").status == "censored"


def test_tax_is_what_answers_from_elsewhere_cost_more(reading: Read) -> None:
    """With the breaker never opening, every answer from elsewhere pays for the failed attempt: 80 ms and one hop."""
    value = reading(breaker_failures=10_000).value("failover_tax_p50_ms")
    assert value.value == pytest.approx(80, abs=2)
    assert value.low is not None
    assert value.high is not None
    assert value.low < 80.2 < value.high


def test_failback(reading: Read) -> None:
    """The breaker tries the provider again up to two seconds after t1; failback is when it has its share again."""
    read = reading(breaker_open_s=2.0)
    value = read.value("time_to_failback_s").value
    assert value is not None
    t1_s = read.tables.outages[0].t1_ns / 1e9
    rows = read.tables.load[read.tables.load["due_s"] >= t1_s]
    first = rows[rows["provider"] == "provider-a"].iloc[0]
    # the window may begin up to 5 % of 200 rows before the provider is back for good
    assert value == pytest.approx(first["due_s"] - t1_s, abs=0.1)


def test_failback_that_does_not_come_is_censored(reading: Read) -> None:
    """A breaker that stays open to the end of the run never gives the provider its share back."""
    assert reading(breaker_open_s=60.0).value("time_to_failback_s").status == "censored"


def test_end_of_the_fault_must_be_known(reading: Read) -> None:
    """Without t1 there is nothing to count failback and recovery from."""
    read = reading(killed_at_s=8.0)
    for name in ("time_to_failback_s", "time_to_recover_s"):
        assert read.value(name).why == "the end of the fault is not recorded"


def test_mixed_routes_do_not_confuse_it(reading: Read) -> None:
    """Failover is one number for the run, whatever the mix."""
    read = reading(routes=(Route(name="chat"), Route(name="talk", stream=True, weight=0.5)))
    assert read.value("failover_time_s").status == "known"
    assert np.isclose(read.value("failover_coverage").value or 0, 1.0)
