"""A test that looks at a run gets the number it meant, or a sentence."""

from __future__ import annotations

import pytest

from gatebench.testing import NoNumber, RunResult


def test_a_metric_of_a_phase_is_that_phases(good: RunResult) -> None:
    """The number, its unit and its interval are those of the summary."""
    metric = good.metric("response_p95_ms", phase="baseline")
    (stored,) = [
        one for one in good.summary.metrics
        if (one.name, one.phase, one.route) == ("response_p95_ms", "baseline", None)
    ]  # fmt: skip
    assert metric is stored
    assert metric.unit == "ms"
    assert good.value("response_p95_ms", phase="baseline") == metric.value


def test_a_metric_of_several_phases_is_not_guessed(good: RunResult) -> None:
    """Which phases there are is in the sentence; where the whole run has a number, that is meant."""
    assert good.metric("response_p95_ms").phase is None
    phased = [one for one in good.summary.metrics if one.name != "response_p95_ms" or one.phase]
    result = RunResult(good.folder, good.summary.model_copy(update={"metrics": phased}))
    with pytest.raises(LookupError, match=r"several phases; name one with phase=: baseline, fault, recovery"):
        result.metric("response_p95_ms")


def test_a_phase_that_is_not_there_is_not_another_one(good: RunResult) -> None:
    """The sentence lists those that are."""
    with pytest.raises(LookupError, match=r"not there in phase 'baselin': the whole run .*, baseline, fault, recovery"):
        good.metric("response_p95_ms", phase="baselin")


def test_a_metric_of_the_whole_run_needs_no_phase(good: RunResult) -> None:
    """There is one number, and it is that."""
    assert good.metric("requests_lost").phase is None
    assert good.value("requests_lost") == 0


def test_a_misspelt_metric_names_its_neighbours(good: RunResult) -> None:
    """The run is not searched by hand."""
    with pytest.raises(LookupError, match=r"no metric response_p59_ms. Did you mean .*response_p95_ms"):
        good.metric("response_p59_ms", phase="baseline")


def test_an_unknown_number_is_no_number(sick: RunResult) -> None:
    """A number that is unknown or censored raises with its reason, whatever is compared with it."""
    unknown = [one for one in sick.summary.metrics if one.status == "unknown" and one.route is None]
    assert unknown, "the run of this test has to have an unknown number"
    one = unknown[0]
    with pytest.raises(NoNumber, match=f"{one.name}.* is unknown") as raised:
        sick.value(one.name, phase=one.phase)
    assert one.why in str(raised.value)


def test_a_check_is_found_by_its_metric(failed: RunResult) -> None:
    """Its verdict is the check's own, not the run's."""
    assert failed.check("requests_lost").verdict == "fail"
    assert failed.check("duplicate_execution").verdict == "pass"


def test_a_check_that_the_scenario_does_not_have_is_no_pass(good: RunResult) -> None:
    """The sentence lists those it has."""
    with pytest.raises(LookupError, match=r"has no check of goodput; its checks are of: availability, failover_time_s"):
        good.check("goodput")


def test_what_came_of_it_is_explained(failed: RunResult) -> None:
    """The verdict, the check that failed with its number, and where the run lies; nothing of the checks that passed."""
    told = failed.explain()
    assert not failed.passed
    assert told.startswith("✗ FAIL  ")
    assert "✗ fail    Requests lost is at most 0: 9" in told
    assert "Duplicate execution" not in told
    assert str(failed.folder) in told
    assert "report.html" in told


def test_a_run_that_passed_says_so(good: RunResult) -> None:
    """In one line, as it stands in a failed assertion."""
    assert good.passed
    assert repr(good).startswith("<run pass: ")
    assert str(good.folder) in repr(good)
