"""The checks of a run: each of them seen to pass, and seen to fail for its own reason."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.analysis.checks import judge_one, judging, sentence
from gatebench.analysis.metrics import metrics
from gatebench.run.summary import CheckVerdict
from gatebench.scenario import CheckUse
from gatebench.traffic import Route
from tests.analysis.conftest import Read, Reading
from tests.planned import CHECKS

EVERYTHING = (
    *CHECKS,
    CheckUse(metric="error_share", phase="fault", at_most=0.0, estimate="point"),
    CheckUse(metric="response_p50_ms", phase="fault", at_most=60),
    CheckUse(metric="response_p95_ms", phase="fault", at_most=150),
    CheckUse(metric="response_p99_ms", phase="fault", at_most=250),
    CheckUse(metric="silent_truncation", at_most=0),
    CheckUse(metric="wrong_answer", at_most=0),
    CheckUse(metric="amplification", phase="fault", at_most=1.1),
    CheckUse(metric="goodput_ratio", at_least=0.95),
    CheckUse(metric="failover_coverage", at_least=0.95),
    CheckUse(metric="outage_gap_s", at_most=1),
    CheckUse(metric="time_to_failback_s", at_most=3),
    CheckUse(metric="tail_inflation_p50", at_most=1.5),
)


def test_healthy_run_passes_everything(reading: Read) -> None:
    """A gateway that fails over as it should passes every check, and passing shows no offenders."""
    read = reading(checks=EVERYTHING)
    assert {check.metric: check.verdict for check in read.checks} == dict.fromkeys(
        (use.metric for use in EVERYTHING), "pass"
    )
    assert not any(check.evidence for check in read.checks)


@pytest.mark.parametrize(
    ("metric", "knobs"),
    [
        ("availability", {"lost": 60}),
        ("failover_time_s", {"failover": False}),
        ("requests_lost", {"lost": 1}),
        ("duplicate_execution", {"duplicates": 1}),
        ("time_to_recover_s", {"sick_after_s": 9.0, "recovery_s": 11.0}),
        ("error_share", {"lost": 1}),
        ("response_p50_ms", {"breaker_failures": 10_000}),
        ("response_p95_ms", {"breaker_failures": 10_000, "notice_ms": 200}),
        ("response_p99_ms", {"breaker_failures": 10_000, "notice_ms": 300}),
        ("silent_truncation", {"truncated": 1}),
        ("wrong_answer", {"wrong_answers": 1}),
        ("amplification", {"breaker_failures": 10_000}),
        ("goodput_ratio", {"lost": 150}),
        ("failover_coverage", {"lost": 150}),
        ("outage_gap_s", {"failover": False}),
        ("time_to_failback_s", {"breaker_open_s": 60.0}),
        ("tail_inflation_p50", {"breaker_failures": 10_000}),
    ],
)
def test_check_goes_red(reading: Read, metric: str, knobs: dict[str, Any]) -> None:
    """A gateway that is faulty in the one way that a check is for fails it; a check never seen to fail is no check."""
    read = reading(checks=EVERYTHING, **knobs)
    assert read.check(metric).verdict == "fail", read.check(metric)
    assert read.check(metric).why
    assert read.summary.verdict == "fail"
    assert read.summary.exit_code == 1


@pytest.mark.parametrize(
    ("knobs", "metric", "outcomes", "attempts"),
    [
        ({"lost": 3}, "requests_lost", ["error"] * 3, 1),
        ({"duplicates": 2}, "duplicate_execution", ["ok"] * 2, 2),
        ({"truncated": 2}, "silent_truncation", ["error"] * 2, 1),
        ({"wrong_answers": 1}, "wrong_answer", ["ok"], 1),
    ],
)
def test_evidence_names_the_offenders(
    reading: Read, knobs: dict[str, Any], metric: str, outcomes: list[str], attempts: int
) -> None:
    """A failed check shows the requests that failed it, each with its attempts."""
    rows = reading(checks=EVERYTHING, **knobs).check(metric).evidence
    assert [row["outcome"] for row in rows] == outcomes
    for row in rows:
        assert row["request_id"].startswith("gb-0badcafe-")
        assert row["phase"] == "fault"
        assert len(row["attempts"]) >= attempts


def test_evidence_is_short(reading: Read) -> None:
    """At most ten rows are shown, the slowest first."""
    rows = reading(checks=EVERYTHING, failover=False).check("availability").evidence
    assert len(rows) == 10
    assert [row["response_ms"] for row in rows] == sorted((row["response_ms"] for row in rows), reverse=True)


def test_evidence_without_a_ledger(reading: Read) -> None:
    """Without a ledger the requests are shown without attempts."""
    read = reading(checks=EVERYTHING, lost=1, evidence="no-ledger", provider_streams=())
    assert "attempts" not in read.check("requests_lost").evidence[0]


def test_time_that_was_not_reached_fails_a_bound_below_it(reading: Read) -> None:
    """No failover in five seconds fails "at most one second", and says that the number is only a lower end."""
    check = reading(failover=False).check("failover_time_s")
    assert (check.verdict, check.censored) == ("fail", True)
    assert check.value == pytest.approx(5.001)


@pytest.mark.parametrize(
    ("use", "verdict"),
    [
        (CheckUse(metric="availability", phase="fault", at_least=0.99), "pass"),
        (CheckUse(metric="availability", phase="fault", at_least=0.9995), "unknown"),  # 1 000 clean rows cannot show it
        (CheckUse(metric="availability", phase="fault", at_least=0.9995, estimate="point"), "pass"),
        (CheckUse(metric="failover_time_s", phase="fault", at_most=1), "pass"),  # the one outage's phase
        (CheckUse(metric="failover_time_s", phase="recovery", at_most=1), "unknown"),
        (CheckUse(metric="rejection_p99_ms", phase="fault", at_most=9), "unknown"),  # nothing was rejected there
        (CheckUse(metric="no_such_metric", at_most=1), "unknown"),
        (CheckUse(metric="availability", phase="nowhere", at_least=0.1), "unknown"),
    ],
)
def test_scopes(healthy: Reading, use: CheckUse, verdict: CheckVerdict) -> None:
    """A check looks at its own scope and nowhere else; where there is nothing it is unknown."""
    result = judge_one(use, healthy.tables, healthy.summary.metrics)
    assert result.verdict == verdict
    assert bool(result.why) is (verdict != "pass")


def test_routes(reading: Read) -> None:
    """A check of one route judges that route's rows."""
    routes = (Route(name="chat"), Route(name="talk", stream=True))
    use = CheckUse(metric="response_p95_ms", phase="fault", route="talk", at_most=1000)
    read = reading(routes=routes, checks=(use,))
    (check,) = read.checks
    assert check.verdict == "pass"
    assert check.n == ((read.tables.load["route"] == "talk") & (read.tables.load["label"] == "fault")).sum()


def test_level_of_evidence_makes_unknown(reading: Read) -> None:
    """What lies above a run's level of evidence is unknown: neither a pass nor a fail."""
    read = reading(evidence="no-ledger", provider_streams=())
    assert read.check("duplicate_execution").verdict == "unknown"
    assert read.check("requests_lost").verdict == "pass"
    assert read.summary.verdict == "inconclusive"


def test_not_applicable(reading: Read) -> None:
    """A target without the capability is n/a in every check, which is neither 0 nor a pass."""
    read = reading(not_applicable="reference does not declare failover")
    assert {check.verdict for check in read.checks} == {"n/a"}
    assert (read.summary.verdict, read.summary.exit_code) == ("inconclusive", 4)
    assert "reference does not declare failover" in read.summary.reasons[0]


def test_check_that_raises_is_unknown(healthy: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken check is unknown, never a pass."""

    def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(judging, "decide", broken)
    result = judge_one(CheckUse(metric="availability", at_least=0.0), healthy.tables, healthy.summary.metrics)
    assert result.verdict == "unknown"
    assert "RuntimeError: out of order" in result.why


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (CheckUse(metric="availability", phase="fault", at_least=0.99), "Availability in fault is at least 0.99"),
        (CheckUse(metric="failover_time_s", at_most=1.0), "Failover time is at most 1 s"),
        (
            CheckUse(metric="response_p99_ms", phase="fault", route="chat", at_most=250.5),
            "Response time p99 in fault on chat is at most 250.5 ms",
        ),
    ],
)
def test_sentence(use: CheckUse, words: str) -> None:
    """A check reads as a sentence with its unit."""
    assert sentence(use, metrics()[use.metric]) == words
