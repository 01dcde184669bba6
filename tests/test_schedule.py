"""Arrival schedules are pure functions of their load and seed, and hold what they promise."""

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.schedule import NS_PER_S, Load, constant, due_times_ns, phase_of, poisson, ramp, share, steps


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
    scaled = load(steps("10/s", "50/s")).scaled_to("100/s")
    assert scaled.peak_per_s() == pytest.approx(100)
    assert scaled.corners(2.0)[1].tolist() == pytest.approx([20, 20, 100, 100])


def test_a_run_too_large_to_hold_is_refused() -> None:
    """More than fifty million requests are refused before memory is."""
    with pytest.raises(ValueError, match="more than the 50000000"):
        due_times_ns(load(constant("10000000/s")), 60.0, seed=1)
