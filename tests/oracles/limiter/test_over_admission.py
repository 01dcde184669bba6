"""Over-admission: never claimed of a gateway that does what it says, and at most one request off of one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.oracles.limiter.limit import Limit
from gatebench.oracles.limiter.over_admission import error, over_admission
from gatebench.oracles.limiter.over_flight import most_in_flight, over_flight, unsure
from gatebench.oracles.limiter.over_log import most_in_a_period
from gatebench.oracles.limiter.spans import Spans
from tests.oracles.limiter.traffic import EXACT, MS, S, blurred, bursts, flights, poisson, seen

BUCKET = Limit("token-bucket", 10, S, 20)


def at(*moments_ms: int) -> Spans:
    """Return admissions at exactly known moments."""
    moments = np.array(moments_ms, np.int64) * MS
    return Spans.of(moments, moments)


@pytest.mark.parametrize(
    ("limit", "admitted", "expected"),
    [
        # 21 at once against a bucket of 20, which gains 0.01 within the millisecond that gateways may round by
        (BUCKET, at(*[0] * 21), 0.99),
        # 20 at once, 11 more after a second: 31 against 20 + 10 · (1 + 0.001)
        (BUCKET, at(*[0] * 20, *[1000] * 11), 0.99),
        # 20 at once, 10 more after a second: what a bucket does
        (BUCKET, at(*[0] * 20, *[1000] * 10), 0.0),
        # two bursts with a rest in which the bucket is full again: each is one too many, and they add up
        (BUCKET, at(*[0] * 21, *[10_000] * 21), 1.98),
        (Limit("sliding-log", 2, S), at(0, 500, 998), 1.0),
        (Limit("sliding-log", 2, S), at(0, 500, 999), 0.0),  # a millisecond of grace
        (Limit("sliding-log", 2, S), at(0, 500, 998, 5000, 5001, 5002, 5003), 3.0),
        # four within 10 ms may be the end of one window and the beginning of the next; five may not
        (Limit("fixed-window", 2, S), at(990, 995, 1000, 1005), 0.0),
        (Limit("fixed-window", 2, S), at(990, 995, 1000, 1005, 1010), 1.0),
        # three at 0 s, and again after one second and a half: no grid with edges a second apart divides both
        (Limit("fixed-window", 2, S), at(0, 0, 0, 1500, 1500, 1500), 2.0),
        (Limit("sliding-counter", 2, S), at(0, 0, 0), 1.0),
        # two at the end of a window: nothing in the first half of the next one
        (Limit("sliding-counter", 2, S), at(0, 0, 0, 0, 0, 0), 4.0),
    ],
)
def test_cases_by_hand(limit: Limit, admitted: Spans, expected: float) -> None:
    """The excess is what was worked out beside it."""
    assert over_admission(limit, admitted) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("limit", EXACT, ids=lambda limit: limit.algorithm)
@pytest.mark.parametrize("seed", range(4))
def test_a_correct_gateway_is_never_blamed(limit: Limit, seed: int) -> None:
    """Under a flood, under what just fits, and under bursts, whatever the network adds and wherever the windows lie."""
    for at_ns in (poisson(40, 20, seed), poisson(11, 20, seed), bursts(0.7, 25, 15, seed)):
        what = seen(limit, at_ns, seed, phase_ns=seed * 123 * MS)
        assert over_admission(limit, what.passed) == 0


@pytest.mark.parametrize("limit", EXACT, ids=lambda limit: limit.algorithm)
@pytest.mark.parametrize("seed", range(3))
def test_two_percent_more_are_measured_to_a_request(limit: Limit, seed: int) -> None:
    """A minute at 10/s with a flood: the number from blurred moments is at most one off that from the true moments."""
    at_ns = poisson(20, 60, seed)
    what = seen(limit, at_ns, seed, every_more=45)
    true, measured = over_admission(limit, what.exact), over_admission(limit, what.passed)
    assert true >= 10
    assert abs(true - measured) <= 1


@pytest.mark.parametrize("rate", [10, 11])
@pytest.mark.parametrize("seed", range(5))
def test_the_true_number_lies_within_the_error(rate: int, seed: int) -> None:
    """Of a bucket that is right and of one that is too fast: the true excess is between the number and the number + error."""
    what = seen(Limit("token-bucket", rate, S, 20), poisson(20, 30, seed), seed)
    true, measured, missed = (
        over_admission(BUCKET, what.exact),
        over_admission(BUCKET, what.passed),
        error(BUCKET, what.passed),
    )
    assert (true > 5) is (rate == 11)
    assert measured <= true <= measured + missed
    assert 0 < missed < 1


def test_the_sum_of_a_bucket_is_what_it_admitted_too_much() -> None:
    """A bucket under a flood for a minute admits 620; one that admits every 45th refused request as well, so many more."""
    at_ns = poisson(20, 60, 5)
    what = seen(BUCKET, at_ns, 5, every_more=45)
    usual = seen(BUCKET, at_ns, 5)
    more = int(what.admitted.sum() - usual.admitted.sum())
    assert over_admission(BUCKET, what.passed) == pytest.approx(more, abs=1)


def test_a_restart_that_forgets() -> None:
    """A full bucket in the middle of a flood is 20 requests too many."""
    at_ns = poisson(40, 20, 3)
    first, second = at_ns[at_ns < 10 * S], at_ns[at_ns >= 10 * S]
    admitted = np.concatenate((seen(BUCKET, first, 0).admitted, seen(BUCKET, second, 0).admitted))
    what = blurred(at_ns, admitted, 1)
    assert over_admission(BUCKET, what.exact) == pytest.approx(19.5, abs=1)
    assert over_admission(BUCKET, what.passed) == pytest.approx(over_admission(BUCKET, what.exact), abs=1)


def test_a_fixed_window_sold_as_a_sliding_log() -> None:
    """Twice the limit around an edge: ten too many at each edge that a burst meets."""
    at_ns = np.sort(np.concatenate([np.repeat([edge * S - 20 * MS, edge * S + 20 * MS], 12) for edge in (3, 6, 9)]))
    what = seen(Limit("fixed-window", 10, S), at_ns, 2)
    assert over_admission(Limit("sliding-log", 10, S), what.passed) == 30
    assert over_admission(Limit("fixed-window", 10, S), what.passed) == 0
    assert most_in_a_period(what.passed, S) == 20


def test_replicas_that_count_for_themselves() -> None:
    """Two replicas that each allow the whole limit admit twice as many."""
    at_ns = poisson(40, 20, 4)
    admitted = np.zeros(len(at_ns), np.bool_)
    admitted[::2], admitted[1::2] = seen(BUCKET, at_ns[::2], 0).admitted, seen(BUCKET, at_ns[1::2], 0).admitted
    assert over_admission(BUCKET, blurred(at_ns, admitted, 4).passed) == pytest.approx(220, abs=5)


def test_concurrency() -> None:
    """At most so many in flight: a correct gateway is not blamed, one with a place too many is."""
    at_ns = poisson(60, 10, 6)
    for places, expected in ((4, 0), (5, None)):
        admitted = flights(places, at_ns, 100 * MS)
        since, until = at_ns[admitted] + MS, at_ns[admitted] + 99 * MS
        found = over_flight(since, until, 4)
        assert found == 0 if expected == 0 else found >= 10
        assert most_in_flight(since, until) == places


def test_who_was_never_surely_in_flight() -> None:
    """Only such a request that may have met as many others as are allowed can have been one too many."""
    since, until = np.array([0, 0, 50, 200]) * MS, np.array([100, 100, 50, 200]) * MS
    begun, released = np.array([0, 0, 49, 199]) * MS, np.array([101, 101, 51, 201]) * MS
    assert unsure(since, until, begun, released, 2) == 1  # the one at 50 ms; at 200 ms there was nobody else
    assert unsure(since, until, begun, released, 3) == 0


def test_nothing_is_known_of_wide_spans() -> None:
    """Requests whose moment may be anywhere prove nothing, and the error says how many may be too many."""
    wide = Spans.of(np.zeros(30, np.int64), np.full(30, 5 * S))
    assert over_admission(BUCKET, wide) == 0
    assert error(BUCKET, wide) == 10  # all thirty may have come at once
    assert error(BUCKET, seen(BUCKET, poisson(40, 20, 1), 1).passed) < 0.2
    assert error(Limit("sliding-log", 10, S), wide) == 30
