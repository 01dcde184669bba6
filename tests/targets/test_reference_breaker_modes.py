"""The breaker's other ways: a share of failures, calls that are too slow, and several probes at once."""

from __future__ import annotations

import random

import pytest

from targets.reference.refgate.breaker import Breaker, Permit, State
from targets.reference.refgate.windows import ErrorRate, FailureCount
from tests.targets.calling import Clock


def rated(clock: Clock, *, error_rate: float = 0.5, least_calls: int = 10) -> Breaker:
    """Half of at least ten calls within ten seconds open it for thirty."""
    return Breaker(ErrorRate(error_rate=error_rate, least_calls=least_calls, window_s=10.0), open_s=30.0, clock=clock)


def counted(clock: Clock, *, slow_call_s: float = 0.0, probes: int = 1) -> Breaker:
    """One failure opens it for thirty seconds."""
    return Breaker(
        FailureCount(failures=1, window_s=10.0), open_s=30.0, slow_call_s=slow_call_s, probes=probes, clock=clock
    )


def admitted(breaker: Breaker) -> Permit:
    """Return a permit that must be given."""
    permit = breaker.admit()
    assert permit is not None
    return permit


def state_of(breaker: Breaker) -> State:
    """Return the present state; a call, because mypy believes that a property stays what it was."""
    return breaker.state


def run(breaker: Breaker, calls: str) -> list[State]:
    """Let calls succeed (.) and fail (x); return the state after each."""
    states = []
    for call in calls:
        permit = admitted(breaker)
        (breaker.failed if call == "x" else breaker.succeeded)(permit)
        states.append(state_of(breaker))
    return states


@pytest.mark.parametrize(
    ("calls", "opens_at"),
    [
        ("xxxxxxxxx", None),  # nine of nine, but nine calls are too few
        ("xxxxxxxxxx", 10),  # the tenth makes them enough
        ("......xxxx", None),  # four of ten
        (".....xxxxx", 10),  # five of ten
        ("......xxxxxx", 12),  # 4/10, 5/11, 6/12
        ("xxxxx.....", 10),  # a success may be what makes them enough
        ("..........", None),
    ],
)
def test_a_share_of_failures_opens_it(calls: str, opens_at: int | None) -> None:
    """At the first call at which there are ten and half of them have failed, and not before."""
    states = run(rated(Clock()), calls)
    first = next((number for number, state in enumerate(states, 1) if state is State.OPEN), None)
    assert first == opens_at


def test_calls_leave_the_window() -> None:
    """Five failures that are ten seconds old no longer count; those of 9.9 s do."""
    clock = Clock()
    breaker = rated(clock)
    run(breaker, "xxxxx")
    clock.now_s += 10
    assert set(run(breaker, "......xxxx")) == {State.CLOSED}
    clock = Clock()
    breaker = rated(clock)
    run(breaker, "xxxxx")
    clock.now_s += 9.9
    assert run(breaker, ".....")[-1] is State.OPEN


def test_a_stream_that_breaks_off_is_one_failed_call() -> None:
    """Its success is overturned, not joined by a failure: with ten streams begun, the fifth that breaks opens it."""
    breaker = rated(Clock())
    streams = [admitted(breaker) for _ in range(10)]
    for stream in streams:
        breaker.succeeded(stream)
    for stream in streams[:4]:
        breaker.failed(stream)
    assert state_of(breaker) is State.CLOSED
    breaker.failed(streams[4])
    assert state_of(breaker) is State.OPEN


def test_a_stream_that_breaks_off_late_is_a_failure_of_now() -> None:
    """Begun before the window, broken within it: it counts as a call of the present."""
    clock = Clock()
    breaker = rated(clock, least_calls=2)
    old = admitted(breaker)
    breaker.succeeded(old)
    clock.now_s += 20
    run(breaker, ".")
    breaker.failed(old)
    assert state_of(breaker) is State.OPEN


def test_the_window_is_exact() -> None:
    """Against a list of all calls, over a long random history: open exactly when the definition says so."""
    draw = random.Random(5)
    clock = Clock()
    breaker, calls = rated(clock, error_rate=0.3, least_calls=8), list[tuple[float, bool]]()
    opened = 0
    for _ in range(5_000):
        clock.now_s += draw.choice((0.0, 0.25, 1.0, 3.0))
        failed = draw.random() < 0.25
        permit = admitted(breaker)
        (breaker.failed if failed else breaker.succeeded)(permit)
        calls.append((clock.now_s, failed))
        recent = [bad for at_s, bad in calls if at_s > clock.now_s - 10]
        expected = len(recent) >= 8 and sum(recent) >= 0.3 * len(recent)
        assert (state_of(breaker) is State.OPEN) == expected
        if expected:
            opened += 1
            clock.now_s += 30
            breaker.succeeded(admitted(breaker))
            calls.clear()
    assert opened > 20


@pytest.mark.parametrize(("took_s", "state"), [(0.999, State.CLOSED), (1.0, State.OPEN), (5.0, State.OPEN)])
def test_a_slow_answer_is_a_failure(took_s: float, state: State) -> None:
    """From `slow_call_s` on, that moment included; an attempt that was cancelled by then is judged alike."""
    for finish in (Breaker.succeeded, Breaker.abandoned):
        breaker = counted(Clock(), slow_call_s=1.0)
        finish(breaker, admitted(breaker), took_s)
        assert state_of(breaker) is state


def test_without_a_limit_no_answer_is_slow() -> None:
    """Off is off."""
    breaker = counted(Clock())
    breaker.succeeded(admitted(breaker), 3600.0)
    breaker.abandoned(admitted(breaker), 3600.0)
    assert state_of(breaker) is State.CLOSED


def test_a_slow_probe_opens_it_again() -> None:
    """A provider that answers too late is not back."""
    clock = Clock()
    breaker = counted(clock, slow_call_s=1.0)
    breaker.failed(admitted(breaker))
    clock.now_s += 30
    breaker.succeeded(admitted(breaker), 2.0)
    assert state_of(breaker) is State.OPEN


def half_open(probes: int) -> tuple[Breaker, list[Permit]]:
    """Return a half-open breaker with all its probes under way."""
    clock = Clock()
    breaker = counted(clock, probes=probes)
    breaker.failed(admitted(breaker))
    clock.now_s += 30
    under_way = [admitted(breaker) for _ in range(probes)]
    assert breaker.admit() is None
    assert breaker.wait_s() == 30
    return breaker, under_way


def test_all_probes_must_succeed() -> None:
    """Three of three close it; until then a place that succeeded is not given to a fourth."""
    breaker, probes = half_open(3)
    for probe in probes[:2]:
        breaker.succeeded(probe)
        assert state_of(breaker) is State.HALF_OPEN
        assert breaker.admit() is None
    breaker.succeeded(probes[2])
    assert state_of(breaker) is State.CLOSED


def test_one_failed_probe_is_enough() -> None:
    """Whatever the others find out afterwards is about a time that is over."""
    breaker, probes = half_open(3)
    breaker.succeeded(probes[0])
    breaker.failed(probes[1])
    assert state_of(breaker) is State.OPEN
    breaker.succeeded(probes[2])
    assert state_of(breaker) is State.OPEN


def test_a_probe_without_a_verdict_frees_its_place() -> None:
    """Only its own: one more is admitted."""
    breaker, probes = half_open(2)
    breaker.released(probes[0])
    assert breaker.wait_s() == 0
    admitted(breaker)
    assert breaker.admit() is None


def test_a_probes_stream_that_breaks_off_counts() -> None:
    """In half-open it opens the breaker again, and once closed it is an ordinary failure."""
    breaker, probes = half_open(2)
    breaker.succeeded(probes[0])
    breaker.failed(probes[0])
    assert state_of(breaker) is State.OPEN
    breaker, probes = half_open(2)
    for probe in probes:
        breaker.succeeded(probe)
    breaker.failed(probes[0])
    assert state_of(breaker) is State.OPEN
