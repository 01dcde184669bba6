"""The breaker, alone: windows, one probe, and verdicts that come too late."""

from __future__ import annotations

import asyncio

import pytest

from targets.reference.refgate.breaker import Breaker, Permit, State
from targets.reference.refgate.windows import FailureCount


class Clock:
    """Time that stands still until it is told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """Three failures within ten seconds open it for thirty."""
    return Breaker(FailureCount(failures=3, window_s=10.0), open_s=30.0, clock=clock)


def admitted(breaker: Breaker) -> Permit:
    """Return a permit that must be given."""
    permit = breaker.admit()
    assert permit is not None
    return permit


def state_of(breaker: Breaker) -> State:
    """Return the present state; a call, because mypy believes that a property stays what it was."""
    return breaker.state


def fail(breaker: Breaker, times: int) -> None:
    """Let that many attempts fail."""
    for _ in range(times):
        breaker.failed(admitted(breaker))


def test_opens_at_the_threshold_and_not_before(breaker: Breaker) -> None:
    """Two of three failures leave it closed; the third opens it, and nobody is admitted."""
    fail(breaker, 2)
    assert state_of(breaker) is State.CLOSED
    fail(breaker, 1)
    assert state_of(breaker) is State.OPEN
    assert breaker.admit() is None


def test_old_failures_leave_the_window(breaker: Breaker, clock: Clock) -> None:
    """A failure that is a window old no longer counts: three spread over more than a window do not open it."""
    fail(breaker, 1)
    clock.now_s += 5
    fail(breaker, 1)
    clock.now_s += 5  # the first is exactly ten seconds old
    fail(breaker, 1)
    assert state_of(breaker) is State.CLOSED
    clock.now_s += 4.9  # now the second (9.9 s), the third (4.9 s) and this one are within ten seconds
    fail(breaker, 1)
    assert state_of(breaker) is State.OPEN


def test_successes_do_not_hide_failures(breaker: Breaker) -> None:
    """The window counts failures, whatever succeeds between them."""
    for _ in range(3):
        breaker.succeeded(admitted(breaker))
        fail(breaker, 1)
    assert state_of(breaker) is State.OPEN


def test_stays_open_for_its_time(breaker: Breaker, clock: Clock) -> None:
    """Just before the open time is over nobody passes, and `wait_s` says how long is left; then one passes."""
    fail(breaker, 3)
    clock.now_s += 29.75
    assert breaker.admit() is None
    assert breaker.wait_s() == 0.25
    clock.now_s += 0.25
    assert breaker.wait_s() == 0
    assert state_of(breaker) is State.OPEN
    admitted(breaker)
    assert state_of(breaker) is State.HALF_OPEN


def test_a_hundred_callers_make_one_probe(breaker: Breaker, clock: Clock) -> None:
    """Of a hundred concurrent callers in half-open exactly one is admitted, and the others do not wait."""
    fail(breaker, 3)
    clock.now_s += 30
    probes = 0

    async def caller(verdict: asyncio.Event) -> bool:
        nonlocal probes
        permit = breaker.admit()
        if permit is None:
            return False
        probes += 1
        await verdict.wait()
        breaker.succeeded(permit)
        return True

    async def hundred() -> list[bool]:
        verdict = asyncio.Event()
        callers = [asyncio.create_task(caller(verdict)) for _ in range(100)]
        while sum(task.done() for task in callers) < 99:
            await asyncio.sleep(0)
        verdict.set()
        return list(await asyncio.gather(*callers))

    assert sum(asyncio.run(hundred())) == 1
    assert probes == 1
    assert state_of(breaker) is State.CLOSED


def test_a_failed_probe_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    """One failure of the probe is enough, and the open time starts anew: one probe for each open period."""
    fail(breaker, 3)
    for _ in range(5):
        clock.now_s += 30
        fail(breaker, 1)
        assert state_of(breaker) is State.OPEN
        assert breaker.admit() is None
        assert breaker.wait_s() == 30


def test_a_successful_probe_closes_it_with_a_clean_slate(breaker: Breaker, clock: Clock) -> None:
    """After the probe everybody passes, and the failures from before are forgotten."""
    fail(breaker, 3)
    clock.now_s += 30
    breaker.succeeded(admitted(breaker))
    assert state_of(breaker) is State.CLOSED
    fail(breaker, 2)
    assert state_of(breaker) is State.CLOSED


def test_a_cancelled_probe_releases_its_place(breaker: Breaker, clock: Clock) -> None:
    """When the probe's client leaves there is no verdict: half-open stays, and the next caller probes."""
    fail(breaker, 3)
    clock.now_s += 30

    async def cancelled_probe() -> None:
        permit = admitted(breaker)
        try:
            await asyncio.Event().wait()
        finally:
            breaker.released(permit)

    async def cancel_it() -> None:
        probe = asyncio.create_task(cancelled_probe())
        await asyncio.sleep(0)
        assert breaker.admit() is None
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)

    asyncio.run(cancel_it())
    assert state_of(breaker) is State.HALF_OPEN
    breaker.succeeded(admitted(breaker))
    assert state_of(breaker) is State.CLOSED


def test_attempts_from_before_do_not_judge_the_probe(breaker: Breaker, clock: Clock) -> None:
    """An attempt that was admitted before the breaker opened neither closes nor reopens a half-open breaker."""
    late_success, late_failure = admitted(breaker), admitted(breaker)
    fail(breaker, 3)
    clock.now_s += 30
    probe = admitted(breaker)
    breaker.succeeded(late_success)
    assert state_of(breaker) is State.HALF_OPEN
    breaker.failed(late_failure)
    assert state_of(breaker) is State.HALF_OPEN
    breaker.released(late_failure)
    assert breaker.admit() is None
    breaker.succeeded(probe)
    assert state_of(breaker) is State.CLOSED


def test_failures_from_before_do_not_count_after_it_closed(breaker: Breaker, clock: Clock) -> None:
    """Attempts that hung through a whole open period say nothing about the provider that has recovered since."""
    hung = [admitted(breaker) for _ in range(10)]
    fail(breaker, 3)
    clock.now_s += 30
    breaker.succeeded(admitted(breaker))
    for permit in hung:
        breaker.failed(permit)
    assert state_of(breaker) is State.CLOSED


def test_an_answer_that_breaks_off_counts(breaker: Breaker, clock: Clock) -> None:
    """`failed` after `succeeded` counts as a failure, also for a stream that was the probe."""
    for _ in range(3):
        permit = admitted(breaker)
        breaker.succeeded(permit)
        breaker.failed(permit)
    assert state_of(breaker) is State.OPEN
    clock.now_s += 30
    probe = admitted(breaker)
    breaker.succeeded(probe)
    fail(breaker, 2)
    breaker.failed(probe)
    assert state_of(breaker) is State.OPEN


def test_only_the_failures_that_can_open_it_are_kept(clock: Clock) -> None:
    """Memory does not grow with time: of ten thousand failures those within the window are left."""
    window = FailureCount(failures=1000, window_s=1.0)
    breaker = Breaker(window, open_s=1.0, clock=clock)
    for _ in range(10_000):
        fail(breaker, 1)
        clock.now_s += 1 / 64
    assert state_of(breaker) is State.CLOSED
    assert len(window) == 64


def test_changes_are_told(clock: Clock) -> None:
    """Whoever listens hears each change of state once, in order."""
    heard: list[State] = []
    breaker = Breaker(FailureCount(failures=1, window_s=1.0), open_s=1.0, clock=clock, on_change=heard.append)
    fail(breaker, 1)
    clock.now_s += 1
    fail(breaker, 1)
    clock.now_s += 1
    breaker.succeeded(admitted(breaker))
    assert heard == [State.OPEN, State.HALF_OPEN, State.OPEN, State.HALF_OPEN, State.CLOSED]
