"""The exact models against cases that were worked out by hand, and against each other where they must agree."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.oracles.limiter.concurrency import replay_in_flight
from gatebench.oracles.limiter.fixed_window import AnchoredWindow, FixedWindow
from gatebench.oracles.limiter.gcra import Gcra
from gatebench.oracles.limiter.model import Model, replay
from gatebench.oracles.limiter.sliding_counter import SlidingCounter
from gatebench.oracles.limiter.sliding_log import SlidingLog
from gatebench.oracles.limiter.token_bucket import TokenBucket
from tests.oracles.limiter.traffic import MS, S

moments = st.lists(st.integers(0, 20 * S), min_size=1, max_size=60).map(sorted)


def admitted(model: Model, *at_ms: int) -> str:
    """Return a 1 for each admitted and a 0 for each refused arrival."""
    return "".join(str(int(fits)) for fits in replay(model, [moment * MS for moment in at_ms]))


@pytest.mark.parametrize(
    ("model", "at_ms", "expected"),
    [
        # 2 tokens at the start; at 50 ms half a token is back, at 100 ms a whole one; at 300 ms two, never three.
        (TokenBucket(10, S, 2), (0, 0, 0, 50, 100, 100, 300, 300, 300), "110010110"),
        (Gcra(10, S, 2), (0, 0, 0, 50, 100, 100, 300, 300, 300), "110010110"),
        # Two within a second: the first leaves the log at 1000 ms exactly, the second at 1400 ms.
        (SlidingLog(2, S), (0, 400, 999, 1000, 1399, 1400), "110101"),
        # Windows [0, 1) and [1, 2): two at the end of one and two at the beginning of the next.
        (FixedWindow(2, S), (990, 995, 999, 1000, 1001, 1002), "110110"),
        # The same with windows [0.5, 1.5): all fall into one.
        (FixedWindow(2, S, 500 * MS), (990, 995, 999, 1000, 1500, 1501), "110011"),
        # A window begins at 990 ms and is over at 1990 ms; the next one begins when somebody comes.
        (AnchoredWindow(2, S), (990, 995, 999, 1989, 1990, 2500, 2600, 2989, 2990), "110011001"),
        # Window 0 holds 4. In window 1 the estimate is 4 · (1 − x): at x = 0.2 it is 3.2, so one more would be 4.2.
        # At x = 0.25 it is 3, so one fits (4); at x = 0.5 it is 2 + 1, one fits; at x = 0.6 it is 1.6 + 2, none.
        (SlidingCounter(4, S), (0, 1, 2, 3, 4, 1200, 1250, 1500, 1600, 1750), "1111001101"),
        # After two periods nothing is left.
        (SlidingCounter(4, S), (0, 1, 2, 3, 2000, 2001, 2002, 2003, 2004), "111111110"),
    ],
)
def test_cases_by_hand(model: Model, at_ms: tuple[int, ...], expected: str) -> None:
    """Each arrival is admitted or refused as worked out beside it."""
    assert admitted(model, *at_ms) == expected


def test_costs() -> None:
    """A request of several tokens takes as many; one that does not fit takes none."""
    at_ns, costs = [0, 0, 0, 500 * MS], [8, 4, 2, 5]
    assert replay(TokenBucket(10, S, 10), at_ns, costs) == [True, False, True, True]
    assert replay(Gcra(10, S, 10), at_ns, costs) == [True, False, True, True]
    assert replay(SlidingLog(10, S), at_ns, costs) == [True, False, True, False]


def test_concurrency() -> None:
    """Two places; the third comes while both are taken, the fourth when the first is over."""
    assert replay_in_flight(2, [0, 1, 2, 5, 6], [5, 9, 9, 9, 9]) == [True, True, False, True, False]


@given(moments, st.integers(1, 50), st.integers(1, 30))
def test_gcra_is_a_token_bucket(at_ns: list[int], limit: int, burst: int) -> None:
    """GCRA with a tolerance of burst − 1 intervals admits exactly what a token bucket of that capacity does."""
    assert replay(Gcra(limit, S, burst), at_ns) == replay(TokenBucket(limit, S, burst), at_ns)


@given(moments, st.integers(1, 20))
def test_a_sliding_log_never_admits_more_than_its_limit_in_a_period(at_ns: list[int], limit: int) -> None:
    """Any limit + 1 admitted requests in a row lie at least a period apart; one refused would have broken that."""
    fits = replay(SlidingLog(limit, S), at_ns)
    kept: list[int] = []
    for moment, was in zip(at_ns, fits, strict=True):
        full = len(kept) >= limit and moment - kept[-limit] < S
        assert was is not full
        if was:
            kept.append(moment)


@given(moments, st.integers(1, 20), st.integers(0, S - 1))
def test_a_fixed_window_holds_its_limit(at_ns: list[int], limit: int, phase_ns: int) -> None:
    """In each window the first `limit` arrivals are admitted, and no other."""
    counted: dict[int, int] = {}
    for moment, was in zip(at_ns, replay(FixedWindow(limit, S, phase_ns), at_ns), strict=True):
        window = (moment - phase_ns) // S
        counted[window] = counted.get(window, 0) + 1
        assert was is (counted[window] <= limit)


@given(moments, st.integers(1, 20), st.integers(0, S - 1))
def test_the_sliding_counter_is_its_formula(at_ns: list[int], limit: int, phase_ns: int) -> None:
    """previous · (1 − x) + current + 1 ≤ limit, in fractions."""
    counted: dict[int, int] = {}
    for moment, was in zip(at_ns, replay(SlidingCounter(limit, S, phase_ns), at_ns), strict=True):
        window, into = divmod(moment - phase_ns, S)
        estimate = counted.get(window - 1, 0) * (1 - Fraction(into, S)) + counted.get(window, 0)
        assert was is (estimate + 1 <= limit)
        counted[window] = counted.get(window, 0) + was


@pytest.mark.parametrize(
    "make",
    [
        lambda: TokenBucket(7, S, 3),
        lambda: Gcra(7, S, 3),
        lambda: SlidingLog(3, S),
        lambda: FixedWindow(3, S, 12_345),
        lambda: AnchoredWindow(3, S),
        lambda: SlidingCounter(3, S, 12_345),
        lambda: SlidingCounter(3, S, 12_345, whole=True),
    ],
)
@given(at_ns=moments)
def test_the_wait_is_the_shortest(make: type[Model], at_ns: list[int]) -> None:
    """After the wait that a model names a request is admitted, and a nanosecond before it is not."""
    model = make()
    for moment in at_ns:
        wait_ns = model.wait_ns(moment)
        assert (wait_ns == 0) is model.room(moment)
        if wait_ns:
            replica = make()
            for earlier in at_ns:
                if earlier < moment and replica.room(earlier):
                    replica.take(earlier)
            if at_ns.count(moment) == 1:
                assert not replica.room(moment + wait_ns - 1)
                assert replica.room(moment + wait_ns)
        if model.room(moment):
            model.take(moment)
