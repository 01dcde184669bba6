"""Clocks that lie by a known amount are found out, within the bound that is stated."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.alignment import ONE_CLOCK, Alignment, Exchange, align, reading

MS = 1_000_000
S = 1_000 * MS


class Clock:
    """A worker's clock: at `true_ns` of the run's it shows `true_ns + offset + drift`, which grows by `ppm`."""

    def __init__(self, offset_ns: int, ppm: float = 0.0) -> None:
        self._offset_ns = offset_ns
        self._ppm = ppm

    def at(self, true_ns: int) -> int:
        return true_ns + self._offset_ns + round(true_ns * self._ppm / 1e6)

    def offset_ns(self, true_ns: int) -> int:
        return self.at(true_ns) - true_ns


def exchange(clock: Clock, asked_ns: int, there_ns: int, back_ns: int, thinking_ns: int = 20_000) -> Exchange:
    """Return an exchange over ways of these lengths."""
    heard = asked_ns + there_ns
    return Exchange(asked_ns, clock.at(heard), clock.at(heard + thinking_ns), heard + thinking_ns + back_ns)


@pytest.mark.parametrize(
    ("there_ms", "back_ms", "wrong_ms"),
    [
        (1, 1, 0),  # even ways: exact
        (3, 1, 1),  # (3 − 1) / 2 = 1 ms too much, of 2 allowed
        (1, 3, -1),
        (4, 0, 2),  # the worst: all of it on one way, which is the bound itself
        (0, 4, -2),
    ],
)
def test_one_exchange(there_ms: int, back_ms: int, wrong_ms: int) -> None:
    """The estimate is wrong by half of the difference of the ways, the bound is half of their sum."""
    found = reading([exchange(Clock(7 * S), 100 * S, there_ms * MS, back_ms * MS)])
    assert found.offset_ns - 7 * S == wrong_ms * MS
    assert found.round_trip_ns == (there_ms + back_ms) * MS
    assert found.error_ns == found.round_trip_ns // 2 + 1
    assert abs(found.offset_ns - 7 * S) <= found.error_ns


def test_the_quickest_of_many_is_believed() -> None:
    """One quick exchange among slow and lopsided ones gives offset and bound; their number is kept."""
    clock = Clock(-3 * S)
    slow = [exchange(clock, k * S, 40 * MS, 1 * MS) for k in range(1, 20)]
    found = reading([*slow, exchange(clock, 20 * S, 100_000, 100_000), *slow])
    assert (found.offset_ns, found.error_ns, found.exchanges) == (-3 * S, 100_001, 39)


ways = st.integers(0, 200 * MS)


@given(
    offset_ns=st.integers(-(10**15), 10**15),
    ppm=st.floats(-100, 100),
    trips=st.lists(st.tuples(ways, ways), min_size=1, max_size=8),
    late=st.lists(st.tuples(ways, ways), min_size=1, max_size=8),
    seconds=st.integers(10, 600),
)
def test_the_bound_holds(
    offset_ns: int, ppm: float, trips: list[tuple[int, int]], late: list[tuple[int, int]], seconds: int
) -> None:
    """Whatever offset, drift and ways: every moment between the readings is translated to within the stated error.

    What is granted is the drift within one exchange, 100 ppm of its round trip, and a microsecond for roundings.
    """
    clock = Clock(offset_ns, ppm)
    before = reading([exchange(clock, k * S, *trip) for k, trip in enumerate(trips)])
    after = reading([exchange(clock, (seconds + k) * S, *trip) for k, trip in enumerate(late)])
    found = align(before, after)
    moments = np.linspace(before.at_ns, after.at_ns, 11).astype(np.int64)
    shown = np.array([clock.at(int(moment)) for moment in moments], dtype=np.int64)
    slack_ns = 1_000 + (before.round_trip_ns + after.round_trip_ns) // 10_000
    assert np.max(np.abs(found.to_run(shown) - moments)) <= found.error_ns + slack_ns
    assert found.drift_ns is not None
    true_drift = clock.offset_ns(after.at_ns) - clock.offset_ns(before.at_ns)
    assert abs(found.drift_ns - true_drift) <= before.error_ns + after.error_ns + slack_ns


def test_drift_is_followed() -> None:
    """A clock that runs 50 ppm fast for 100 s is 5 ms ahead in the end and 2.5 ms in the middle; nothing is left of it."""
    clock = Clock(S, ppm=50)
    found = align(reading([exchange(clock, 0, 1000, 1000)]), reading([exchange(clock, 100 * S, 1000, 1000)]))
    assert found.drift_ns == pytest.approx(5 * MS, abs=10)
    middle = np.array([clock.at(50 * S)], dtype=np.int64)
    assert int(found.to_run(middle)[0]) == pytest.approx(50 * S, abs=2_000)
    before_alone = align(reading([exchange(clock, 0, 1000, 1000)]))
    assert int(before_alone.to_run(middle)[0]) - 50 * S == pytest.approx(2.5 * MS, abs=2_000)
    assert before_alone.drift_ns is None


def test_a_step_in_the_middle_is_found() -> None:
    """A clock that jumps 30 ms ahead and back again between the readings is caught by the exchanges during the load."""
    clock, jumped = Clock(S), Clock(S + 30 * MS)
    ends = reading([exchange(clock, 0, MS, MS)]), reading([exchange(clock, 10 * S, MS, MS)])
    calm = [exchange(clock, k * S, 2 * MS, MS) for k in range(1, 10)]
    assert align(*ends, calm).excess_ns == 0
    assert align(*ends, calm).checked == 9
    found = align(*ends, [*calm, exchange(jumped, 5 * S, 2 * MS, MS)])
    # The exchange allows offsets up to heard − asked = S + 30 + 2 ms and down to S + 30 − 1 ms: 29 ms beyond S, less the 1 ms of error.
    assert found.excess_ns == pytest.approx(28 * MS, abs=10)
    assert found.error_ns == found.excess_ns + ends[0].error_ns


def test_one_clock_is_exact_when_it_can_be() -> None:
    """Two names for one clock: offset and error are 0, unless the reading rules that out."""
    same = align(reading([exchange(Clock(0), 0, 3 * MS, MS)]), one_clock=True)
    assert (same.same, same.offset_ns, same.error_ns, same.drift_ns) == (True, 0, 0, 0)
    times = np.array([1, 2, 3], dtype=np.int64)
    assert same.to_run(times) is times
    copied = align(reading([exchange(Clock(60 * S), 0, MS, MS)]), one_clock=True)
    assert (copied.same, copied.offset_ns) == (False, 60 * S)


def test_differences_between_moments_survive() -> None:
    """Translating moves a row's moments together: a delay of 137 ns stays one, at offsets of a hundred days."""
    clock = Clock(10**16, ppm=3)
    found = align(reading([exchange(clock, 0, 500, 500)]), reading([exchange(clock, 60 * S, 500, 500)]))
    draw = random.Random(1)
    sent = np.array(sorted(draw.randrange(60 * S) for _ in range(1000)), dtype=np.int64) + 10**16
    assert set((found.to_run(sent + 137) - found.to_run(sent)).tolist()) <= {136, 137, 138}


def test_it_survives_being_written() -> None:
    """An alignment reads back from JSON as it was."""
    clock = Clock(S, 5)
    found = align(reading([exchange(clock, 0, 1, 1)]), reading([exchange(clock, S, 1, 1)]))
    assert Alignment.model_validate_json(found.model_dump_json()) == found
    assert ONE_CLOCK.same
