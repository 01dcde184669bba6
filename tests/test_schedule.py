"""Arrival schedules are pure functions of their load and seed, and hold what they promise."""

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.schedule import (
    NS_PER_S,
    Load,
    Mixed,
    ThinkTimes,
    Users,
    breakpoint,
    constant,
    due_times_ns,
    mixed,
    phase_of,
    poisson,
    ramp,
    schedule_of,
    share,
    sine,
    spike,
    steps,
)
from gatebench.schedule.closed import arrival_of, user_of


def load(raw: Load) -> Load:
    """Validate what a scenario file would write."""
    return Load.model_validate(cast("Any", raw))


def test_constant_arrivals_are_exactly_apart() -> None:
    """200/s for 20 s is 4000 arrivals, 5 ms apart, the first at once."""
    due = due_times_ns(load(constant("200/s")), 20.0, seed=7)
    assert len(due) == 4000
    assert due[0] == 0
    assert set(np.diff(due)) == {5_000_000}


def test_poisson_arrivals_have_the_mean_and_variance_of_a_poisson_process() -> None:
    """Counts in a second of a Poisson process have variance = mean (here 500 ± 5 standard errors, fixed seed)."""
    due = due_times_ns(load(poisson("500/s")), 200.0, seed=3)
    counts = np.bincount(due // NS_PER_S, minlength=200)
    assert abs(counts.mean() - 500) < 5 * np.sqrt(500 / 200)
    assert 0.6 < counts.var() / counts.mean() < 1.5
    assert not np.array_equal(due, due_times_ns(load(poisson("500/s")), 200.0, seed=4))


def test_a_ramp_arrives_where_its_integral_is_a_whole_number() -> None:
    """From 0+ to 100/s over 10 s, Λ(t) = 5 t²: the 125th arrival is due at 5 s."""
    due = due_times_ns(load(ramp("0.000001/s", "100/s", arrivals="even")), 10.0, seed=1)
    assert len(due) == pytest.approx(500, abs=1)
    assert due[125] / NS_PER_S == pytest.approx(5.0, abs=1e-3)


def test_a_falling_ramp_mirrors_a_rising_one() -> None:
    """100/s down to 0+ holds as many arrivals, three quarters of them in the first half."""
    due = due_times_ns(load(ramp("100/s", "0.000001/s", arrivals="even")), 10.0, seed=1)
    assert len(due) == pytest.approx(500, abs=1)
    assert (due < 5 * NS_PER_S).sum() == pytest.approx(375, abs=1)


def test_steps_hold_their_own_rates() -> None:
    """10/s, 50/s and 20/s over 9 s are 30, 150 and 60 arrivals in their thirds."""
    due = due_times_ns(load(steps("10/s", "50/s", "20/s", arrivals="even")), 9.0, seed=1)
    assert [((due >= a * NS_PER_S) & (due < (a + 3) * NS_PER_S)).sum() for a in (0, 3, 6)] == [30, 150, 60]


@given(
    rate=st.floats(0.5, 400),
    duration=st.floats(0.2, 20),
    seed=st.integers(0, 2**40),
    curve=st.sampled_from(["constant", "poisson", "ramp", "steps"]),
)
def test_every_schedule_is_sorted_repeatable_and_inside_its_run(
    rate: float, duration: float, seed: int, curve: str
) -> None:
    """Whatever the load, due times ascend within [0, duration) and the same seed gives the same ones."""
    makers = {
        "constant": lambda: constant(f"{rate:.3f}/s"),
        "poisson": lambda: poisson(f"{rate:.3f}/s"),
        "ramp": lambda: ramp(f"{rate:.3f}/s", "1/s"),
        "steps": lambda: steps(f"{rate:.3f}/s", "5/s"),
    }
    made = load(makers[curve]())
    due = due_times_ns(made, duration, seed)
    assert np.all(np.diff(due) >= 0)
    assert len(due) == 0 or (due[0] >= 0 and due[-1] < round(duration * NS_PER_S))
    assert np.array_equal(due, due_times_ns(made, duration, seed))


@given(count=st.integers(0, 2000), workers=st.integers(1, 9))
def test_workers_share_every_arrival_exactly_once(count: int, workers: int) -> None:
    """No arrival is lost or doubled, whatever the number of workers."""
    due = np.arange(count, dtype=np.int64)
    shares = np.concatenate([share(due, worker, workers) for worker in range(workers)])
    assert sorted(shares.tolist()) == list(range(count))


def test_a_phase_owns_its_start_and_not_its_end() -> None:
    """An arrival due exactly at an edge belongs to the phase that begins there."""
    assert phase_of(np.array([0, 9, 10, 19, 20], dtype=np.int64), [10, 20, 30]).tolist() == [0, 0, 1, 1, 2]


def test_scaling_keeps_the_shape() -> None:
    """--rate moves the peak; the corners keep their proportion."""
    scaled = load(steps("10/s", "50/s")).times(2)
    assert scaled.peak_per_s() == pytest.approx(100)
    assert scaled.corners(2.0)[1].tolist() == pytest.approx([20, 20, 100, 100])


def test_a_run_too_large_to_hold_is_refused() -> None:
    """More than fifty million requests are refused before memory is."""
    with pytest.raises(ValueError, match="more than the 50000000"):
        due_times_ns(load(constant("10000000/s")), 60.0, seed=1)


def test_a_spike_holds_what_it_says() -> None:
    """10/s for 10 s with 100/s from 4 s to 6 s: 40 + 200 + 40 arrivals, and each stretch has its own."""
    due = due_times_ns(load(spike("10/s", "100/s", at="4s", lasting="2s", arrivals="even")), 10.0, seed=1)
    counts = np.bincount(due // NS_PER_S, minlength=10)
    assert counts.tolist() == [10, 10, 10, 10, 100, 100, 10, 10, 10, 10]


def test_a_spike_is_cut_at_the_end_of_the_run() -> None:
    """From 8 s of 10 on, five seconds of spike are two."""
    due = due_times_ns(load(spike("10/s", "100/s", at="8s", lasting="5s", arrivals="even")), 10.0, seed=1)
    assert len(due) == 80 + 200


def test_a_sine_swings_around_its_middle() -> None:
    """20 to 100/s every 10 s: the mean is 60/s; a half period from low to low+half holds 60·5 ∓ (40/π)·10·… of it.

    ∫ over the first quarter of (60 − 40 cos(2πt/10)) is 60·2.5 − 40·10/2π = 86.3; over the second 213.7.
    """
    due = due_times_ns(load(sine("20/s", "100/s", period="10s", arrivals="even")), 30.0, seed=1)
    assert len(due) == pytest.approx(1800, abs=1)
    quarters = np.bincount(due // 2_500_000_000, minlength=12)
    expected = 60 * 2.5 + np.array([-1, 1, 1, -1] * 3) * 40 * 10 / (2 * np.pi)
    assert np.abs(quarters - expected).max() < 1.1


def test_a_breakpoint_is_a_ramp_that_may_end() -> None:
    """Its schedule is the ramp's; how it ends is not the schedule's business."""
    rising = load(breakpoint("10/s", "50/s", stop_when_bad=0.2))
    assert rising.stop_when_bad == 0.2
    assert np.array_equal(due_times_ns(rising, 5.0, 3), due_times_ns(load(ramp("10/s", "50/s")), 5.0, 3))


@pytest.mark.parametrize("curve", ["spike", "sine", "breakpoint", "ramp"])
def test_two_rates_are_two(curve: str) -> None:
    """Neither one rate nor three make such a curve."""
    for rates in (("1/s",), ("1/s", "2/s", "3/s")):
        with pytest.raises(ValueError, match="goes through two rates"):
            Load.model_validate({"curve": curve, "rates": rates})


def mix_of(*parts: Load) -> Mixed:
    """Validate what a scenario file would write."""
    return Mixed.model_validate(cast("Any", mixed(*parts)))


def test_a_mix_is_the_sum_of_its_parts_in_order() -> None:
    """100 + 20 arrivals, sorted, each for whom its part says."""
    made = mix_of(constant("10/s", route="chat"), constant("2/s", tenant="tenant-1"))
    schedule = schedule_of(made, 10.0, 1, routes=("models", "chat"), tenants=("tenant-0", "tenant-1"))
    assert len(schedule.due_ns) == 120
    assert (np.diff(schedule.due_ns) >= 0).all()
    assert int((schedule.route == 1).sum()) == 100
    assert int((schedule.tenant == 1).sum()) == 20
    assert set(schedule.route[schedule.tenant == 1].tolist()) == {-1}


def test_equal_parts_do_not_arrive_together() -> None:
    """Two Poisson parts of one rate are independent: each has a seed of its own."""
    schedule = schedule_of(mix_of(poisson("50/s"), poisson("50/s")), 10.0, 1)
    assert len(np.unique(schedule.due_ns)) == len(schedule.due_ns)


def test_moments_stretch_with_the_phases() -> None:
    """--time-scale moves a spike as it moves the phases around it."""
    half = load(spike("10/s", "100/s", at="4s", lasting="2s", arrivals="even")).stretched(0.5)
    assert np.bincount(due_times_ns(half, 5.0, 1) // NS_PER_S).tolist() == [10, 10, 100, 10, 10]


def test_think_times_have_their_mean_and_are_the_same_again() -> None:
    """4000 exponential think times of 200 ms: mean within five standard errors; another user's differ."""
    users = Users(count=3, think="200ms")
    thinking, again, other = ThinkTimes(users, 7, 1), ThinkTimes(users, 7, 1), ThinkTimes(users, 7, 2)
    drawn = [thinking.before_ns(number) for number in range(1, 4001)]
    assert abs(np.mean(drawn) / 1e6 - 200) < 5 * 200 / 4000**0.5
    assert [again.before_ns(number) for number in range(1, 4001)] == drawn
    assert other.before_ns(1) != drawn[0]


def test_constant_thinkers_do_not_begin_as_a_herd() -> None:
    """Their first request comes somewhere within a think time, the others exactly one after the answer."""
    users = Users(count=50, think="1s", think_times="constant")
    first = [ThinkTimes(users, 7, user).before_ns(0) for user in range(50)]
    assert len(set(first)) == 50
    assert all(0 <= at < NS_PER_S for at in first)
    assert ThinkTimes(users, 7, 0).before_ns(5) == NS_PER_S


@given(st.integers(1, 20_000), st.integers(0, 200_000))
def test_users_and_arrivals_translate(count: int, iteration: int) -> None:
    """Every request of every user has an id of its own."""
    assert user_of(count, arrival_of(count, count - 1, iteration)) == (count - 1, iteration)
