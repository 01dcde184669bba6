"""Shares and counts: what counts into which, and the intervals they come with."""

from __future__ import annotations

import pytest

from gatebench.stats import JUDGED, wilson
from tests.analysis.conftest import Read, Reading


def test_availability_of_a_healthy_run(healthy: Reading) -> None:
    """Everything was good; the interval still leaves room below 1."""
    value = healthy.value("availability", "fault")
    assert (value.value, value.high) == (1.0, 1.0)
    assert value.low == wilson(value.n, value.n).low < 1
    assert value.judged_low == wilson(value.n, value.n, JUDGED).low < value.low
    assert value.confidence == 0.95


@pytest.mark.parametrize(
    ("knobs", "name", "bad"),
    [
        ({"lost": 7}, "availability", 7),
        ({"lost": 7}, "ok_share", 7),
        ({"rejected": 5}, "ok_share", 5),
        ({"truncated": 3}, "availability", 3),
        ({"unsent_pool": 4, "lost_phase": "baseline"}, "availability", 0),  # those are in the baseline
    ],
)
def test_what_is_not_good(reading: Read, knobs: dict[str, object], name: str, bad: int) -> None:
    """Errors, rejections and cut streams of the fault phase are not good; the share is exact."""
    value = reading(**knobs).value(name, "fault")
    assert value.value == pytest.approx(1 - bad / value.n)


def test_pool_counts_against_the_target(reading: Read) -> None:
    """Rows that the target held every slot for are sent, not good, and timeouts."""
    read = reading(unsent_pool=6)
    baseline = read.value("availability", "baseline")
    assert baseline.value == pytest.approx(1 - 6 / baseline.n)
    for name in ("error_share", "timeout_share"):
        assert read.value(name, "baseline").value == pytest.approx(6 / baseline.n)


def test_rejections_are_no_errors(reading: Read) -> None:
    """A 429 is a rejection and leaves the errors alone."""
    read = reading(rejected=5)
    rejected = read.value("rejected_share", "fault")
    assert rejected.value == pytest.approx(5 / rejected.n)
    assert read.value("error_share", "fault").value == 0


def test_timeouts_are_the_errors_that_waited(reading: Read) -> None:
    """When requests hang, every error is a timeout, and its response time is the deadline."""
    read = reading(failover=False, hang=True)
    # A request due in the last five seconds of the fault hangs beyond its end: those are transitions.
    errors, timeouts = read.value("error_share"), read.value("timeout_share")
    assert errors.value == timeouts.value
    assert errors.value is not None
    assert errors.value > 0.2
    assert read.value("error_p50_ms").value == pytest.approx(5000, abs=1)


def test_generator_is_not_the_target(reading: Read) -> None:
    """Rows that we were too late for are in no share at all."""
    there, without = reading(), reading(unsent_generator=20)
    assert without.value("availability", "baseline").n == there.value("availability", "baseline").n - 20
    assert without.value("availability", "baseline").value == 1.0


def test_rates(reading: Read) -> None:
    """Offered is what was due, sent what went out, goodput what came back good, each by the window's length."""
    read = reading(unsent_pool=40)
    # baseline: from 0.5 s to t0 = 4.503 s, 4.003 s
    rows = read.tables.phase_rows("baseline")
    assert read.value("offered_rate_per_s", "baseline").value == pytest.approx(len(rows) / 4.003)
    assert read.value("sent_rate_per_s", "baseline").value == pytest.approx((len(rows) - 40) / 4.003)
    assert read.value("goodput_per_s", "baseline").value == pytest.approx((len(rows) - 40) / 4.003)
    assert read.value("offered_rate_per_s", "transition").status == "unknown"


@pytest.mark.parametrize(
    ("knobs", "name", "count"),
    [
        ({}, "requests_lost", 0),
        ({"lost": 2}, "requests_lost", 2),
        ({"rejected": 3}, "requests_lost", 3),
        ({"lost": 2, "lost_phase": "recovery"}, "requests_lost", 2),
        ({"lost": 2, "lost_phase": "baseline"}, "requests_lost", 0),  # lost before the fault, so not to it
        ({"truncated": 2}, "silent_truncation", 2),
        ({"lost": 2}, "silent_truncation", 0),  # an error that says so is not silent
        ({"wrong_answers": 1}, "wrong_answer", 1),
        ({}, "wrong_answer", 0),
    ],
)
def test_exact_counts(reading: Read, knobs: dict[str, object], name: str, count: int) -> None:
    """Properties that must hold are counted, not estimated."""
    value = reading(**knobs).value(name)
    assert (value.value, value.low) == (count, None)
    assert value.n > 0


def test_requests_lost_by_phase(reading: Read) -> None:
    """Asked about a phase, all of its requests are meant."""
    read = reading(lost=2, lost_phase="baseline")
    assert read.value("requests_lost", "baseline").value == 2
    assert read.value("requests_lost", "fault").value == 0


def test_requests_under_way_at_t0_can_be_lost(reading: Read) -> None:
    """The run's count holds the transitions: a request in flight when the fault strikes is as lost as one sent later."""
    read = reading(failover=False)
    t0_s = read.tables.outages[0].t0_ns / 1e9
    rows = read.tables.load
    concerned = rows[(rows["due_s"] >= t0_s) | (rows["done_s"] >= t0_s)]
    assert read.value("requests_lost").n == len(concerned)
    assert read.value("requests_lost").value == (concerned["outcome"] != "ok").sum() > 900


def test_stamps_are_found_through_anybodys_gateway(reading: Read) -> None:
    """Where our providers stand behind an address, answers say who made them, and one for another prompt shows; attempts do not."""
    read = reading(evidence="no-ledger", provider_streams=(), stamped=True)
    assert (read.value("wrong_answer").status, read.value("wrong_answer").value) == ("known", 0)
    assert read.value("amplification").status == "unknown"
    told = next(finding for finding in read.summary.validity if finding.name == "stamps")
    assert told.status == "ok" and "what else reached the providers is not" in told.sentence
    mixed = reading(evidence="no-ledger", provider_streams=(), stamped=True, wrong_answers=3)
    assert mixed.value("wrong_answer").value == 3


def test_wrong_answers_need_stamps(reading: Read) -> None:
    """Where answers carry no stamp of ours, nobody can say that they were right."""
    value = reading(evidence="no-ledger", provider_streams=()).value("wrong_answer")
    assert (value.status, value.value) == ("unknown", None)
