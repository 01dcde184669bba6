"""Breaker metrics against plays whose breaker is known: each flaw turns its metric, and the correct one stays as declared."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.analysis.metrics.registry import Measured
from tests.analysis.broken import DECLARED, tables_of
from tests.analysis.crafted import Asked, Tried, craft, measured, shown


def value(name: str, **knobs: Any) -> Measured:
    """Return one metric of a play."""
    return measured(tables_of(**knobs), name)


def test_a_correct_breaker_is_what_it_declares() -> None:
    """Five failures at 100/s open it within a tenth of a second; two seconds open, one probe, closed two seconds later."""
    found = {
        name: value(name, failing_ms=60).value
        for name in ("time_to_open_s", "attempts_to_open", "breaker_overshoot", "missed_trip", "breaker_flaps")
    }
    assert 0.05 < (found["time_to_open_s"] or 0) < 0.3
    assert 5 <= (found["attempts_to_open"] or 0) <= 20  # five failures, and what came while the fifth took its 60 ms
    assert found["breaker_overshoot"] == (found["attempts_to_open"] or 0) / 5
    assert (found["missed_trip"], found["breaker_flaps"]) == (0, 0)
    assert value("breaker_leak").value == 0
    assert value("probes_per_cycle").value == 1
    assert value("open_time_ratio").value == pytest.approx(1, abs=0.1)
    assert value("open_time_s").value == pytest.approx(2, abs=0.2)
    assert 0 < (value("time_to_close_s").value or 0) < 2.2
    assert value("false_trips").value == 0
    assert 2 <= (value("fast_fail_p99_ms").value or 0) < 3
    assert value("fast_fail_p50_ms").n > 800


def test_the_interval_of_the_opening_is_its_resolution() -> None:
    """The breaker opened after the last arrival, and before the first request that did not arrive."""
    found = value("time_to_open_s")
    assert found.judged is not None
    assert found.judged.low < (found.value or 0) == found.judged.high


@pytest.mark.parametrize("seed", range(5))
def test_each_flaw_turns_its_metric(seed: int) -> None:
    """Over several seeds, each flaw is where it is looked for."""
    herd = {"herd": True, "failing_ms": 500.0, "seed": seed}
    assert (value("probes_per_cycle", **herd).value or 0) > 20
    assert value("breaker_flaps", **herd).value == 0
    assert (value("breaker_leak", leak=0.03, seed=seed).value or 0) > 0.01
    assert (value("breaker_flaps", closes_on_failure=True, seed=seed).value or 0) >= 3
    never = {"half_opens": False, "seed": seed}
    assert value("probes_per_cycle", **never).value == 0
    assert value("time_to_close_s", **never).status == "censored"
    stuck = {"opens": False, "seed": seed}
    assert value("missed_trip", **stuck).value == 1
    assert value("time_to_open_s", **stuck).status == "censored"
    assert value("time_to_open_s", **stuck).value == 10.0
    late = value("open_time_ratio", open_s=4.0, seed=seed)
    assert (late.value or 0) > 1.9


def test_the_breaker_that_served_elsewhere_fails_nobody() -> None:
    """With a fallback no request is refused: then there is no fast fail to measure."""
    found = value("fast_fail_p50_ms", fallback=True)
    assert (found.status, found.why[:13]) == ("unknown", "every request")


def test_work_saved() -> None:
    """A second for each attempt, and a breaker that spares nearly all of them: a probe of 1 s in 3 s of 100 requests a second."""
    assert (value("work_saved_share", failing_ms=1000.0).value or 0) == pytest.approx(1 - 1 / 300 - 0.002, abs=0.003)
    assert "no waiting to be spared" in value("work_saved_share", failing_ms=5.0).why
    leaking = value("work_saved_share", failing_ms=1000.0, leak=0.09).value
    assert leaking == pytest.approx(0.91, abs=0.03)


@pytest.mark.parametrize(
    ("knobs", "name", "words"),
    [
        ({"visible": False}, "time_to_open_s", "before a provider sees them"),
        ({"declared": False}, "breaker_leak", "nobody declares the open time"),
        ({"declared": False}, "breaker_overshoot", "nobody declares how many"),
        ({"rate_per_s": 5.0}, "time_to_open_s", "fewer than 50 requests"),
        ({"rate_per_s": 8.0}, "time_to_open_s", "to be seen it takes 20"),
        ({"opens": False}, "fast_fail_p50_ms", "no breaker opened"),
        ({"opens": False, "t1_s": 8.1}, "missed_trip", "need not open a breaker"),
    ],
)
def test_what_cannot_be_told_is_unknown(knobs: dict[str, Any], name: str, words: str) -> None:
    """Thin, hidden or undeclared: unknown, with the reason in words."""
    found = value(name, **knobs)
    assert found.status == "unknown"
    assert words in found.why


def test_a_trip_in_the_baseline_is_false() -> None:
    """A breaker that opens with nothing wrong: a second without any arrival at the provider of all the load."""
    asked = [
        Asked(at / 100, tried=[Tried("provider-a", at / 100 + 0.0005)])
        if not 400 <= at < 500
        else Asked(at / 100, 2, 503)
        for at in range(3000)
    ]
    tables = craft(asked, declared=DECLARED)
    found = measured(tables, "false_trips")
    assert found.value == 1
    assert "provider-a from 4.00 s on" in found.why
    assert shown(tables, "false_trips")[:3] == [400, 401, 402]


def test_a_healthy_provider_that_is_left_alone_is_a_false_trip() -> None:
    """provider-b takes over at t0, and a second later its breaker opens too, though nothing is wrong with it."""

    def at(due_s: float) -> Asked:
        if not 8 <= due_s < 18:
            return Asked(due_s, tried=[Tried("provider-a", due_s)])
        if due_s < 8.5:
            failed = Tried("provider-a", due_s, 1, 503)
            return Asked(due_s, tried=[failed, Tried("provider-b", due_s + 0.002)])
        return Asked(due_s, 2, 503)

    asked = [at(number / 100) for number in range(3000)]
    assert measured(craft(asked, declared=DECLARED), "false_trips").value == 1
    alone = [one if one.status == 200 else Asked(one.due_s, tried=[Tried("provider-b", one.due_s)]) for one in asked]
    assert measured(craft(alone, declared=DECLARED), "false_trips").value == 0
    one_only = [Asked(one.due_s, 2, 503) if 8 <= one.due_s < 18 else one for one in asked]
    assert measured(craft(one_only, declared=DECLARED), "false_trips").value == 0  # it never took over: no failover


def test_an_attempt_that_is_not_called_off_ends_with_its_timeout() -> None:
    """Given up after 0.4 s, completed after a second: with the timeout declared the next probe is in time, else it looks early."""

    def arrived(due_s: float) -> bool:
        return due_s < 8.02 or any(at <= due_s < at + 0.01 for at in (10.4, 12.8, 15.2)) or due_s >= 19

    asked = [
        Asked(at / 100, tried=[Tried("provider-a", at / 100 + 0.0005, 1000 if 8 <= at / 100 < 18 else 40)])
        if arrived(at / 100)
        else Asked(at / 100, 2, 503)
        for at in range(3000)
    ]
    declared = {**DECLARED, "timeouts": {"attempt": "400ms"}}
    assert measured(craft(asked, declared=declared), "breaker_leak").value == 0
    assert measured(craft(asked, declared=declared), "probes_per_cycle").value == 1
    slow = {"breaker": {**DECLARED["breaker"], "open_time": "2.4s"}}
    assert (measured(craft(asked, declared=slow), "breaker_leak").value or 0) > 0
