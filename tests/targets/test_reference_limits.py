"""The limiter's algorithms, each against its definition: to the microsecond, to the unit, and against a slow model."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.reference.refgate.limits.algorithms import ALGORITHMS, Name
from targets.reference.refgate.limits.concurrency import Concurrency
from targets.reference.refgate.limits.limit import Admission, Algorithm, Limit

S = 1_000_000
TEN_BURST_TWENTY = Limit(rate=10, period_us=S, burst=20)
NAMES: tuple[Name, ...] = ("token-bucket", "gcra", "sliding-log", "sliding-counter", "fixed-window")


def admitted(limiter: Algorithm, times: int, now_s: float) -> int:
    """Return how many of `times` requests at the same time are admitted."""
    return sum(limiter.admit(now_s).admitted for _ in range(times))


@pytest.mark.parametrize("name", ["token-bucket", "gcra"])
def test_a_bucket_gives_its_burst_and_then_its_rate(name: Name) -> None:
    """10/s burst 20: 20 at once, one each tenth of a second, and 20 again after two seconds of silence."""
    bucket = ALGORITHMS[name](TEN_BURST_TWENTY)
    assert admitted(bucket, 100, 1000.0) == 20
    assert [admitted(bucket, 5, 1000.0 + tenth / 10) for tenth in range(1, 11)] == [1] * 10
    assert admitted(bucket, 100, 1003.0) == 20  # of the 2 s since, nothing more than the capacity


@pytest.mark.parametrize("name", ["token-bucket", "gcra"])
def test_a_bucket_says_exactly_when(name: Name) -> None:
    """An empty bucket of 10/s has its next token after 100 ms, not a microsecond earlier."""
    bucket = ALGORITHMS[name](TEN_BURST_TWENTY)
    for left in range(19, -1, -1):
        assert bucket.admit(5.0) == Admission(True, 0.0, left, (20 - left) / 10)
    assert bucket.admit(5.025) == Admission(False, 0.075, 0, 1.975)
    assert not bucket.admit(5.099999).admitted
    assert bucket.admit(5.1).admitted


@pytest.mark.parametrize("name", ["token-bucket", "gcra"])
def test_thirds_of_a_second_are_not_lost(name: Name) -> None:
    """3/s for a hundred seconds, asked a thousand times a second: 3 at first and 300 more, nothing lost to rounding."""
    bucket = ALGORITHMS[name](Limit(rate=3, period_us=S, burst=3))
    assert sum(bucket.admit(1000 + ms / 1000).admitted for ms in range(100_001)) == 303


def test_a_fixed_window_lets_twice_its_rate_pass_at_its_edge() -> None:
    """10 in the last millisecond of a window and 10 in the first of the next: what the algorithm is known for."""
    window = ALGORITHMS["fixed-window"](Limit(rate=10, period_us=S, burst=10))
    assert admitted(window, 20, 6.999) == 10
    assert window.admit(6.999) == Admission(False, 0.001, 0, 0.001, "6")
    assert admitted(window, 20, 7.0) == 10
    assert window.admit(7.25).retry_after_s == 0.75


def test_a_sliding_log_lets_its_rate_pass_in_any_period() -> None:
    """10 at 6.999 s: none until 7.999 s, then 10; the edge of a second is nothing to it."""
    log = ALGORITHMS["sliding-log"](Limit(rate=10, period_us=S, burst=10))
    assert admitted(log, 20, 6.999) == 10
    assert log.admit(7.0) == Admission(False, 0.999, 0, 0.999, "10")
    assert admitted(log, 20, 7.998999) == 0
    assert admitted(log, 20, 7.999) == 10


def test_a_sliding_counter_weighs_the_former_window() -> None:
    """10 in second 6: at 7.25 s three quarters of them count, so two pass (7.5 + 2 <= 10), the next at 7.3 s."""
    counter = ALGORITHMS["sliding-counter"](Limit(rate=10, period_us=S, burst=10))
    assert admitted(counter, 20, 6.999) == 10
    refused = counter.admit(6.999)
    assert refused.retry_after_s == pytest.approx(0.001 + 0.1)  # at 7.1 s 9 of them count
    assert admitted(counter, 20, 7.25) == 2
    refused = counter.admit(7.25)  # 10 x (1 - into) + 2 + 1 <= 10 from 7.3 s on
    assert (refused.retry_after_s, refused.remaining, refused.reset_s) == (0.05, 0, 1.75)
    assert counter.admit(7.3).admitted


def test_concurrency_counts_what_is_under_way() -> None:
    """Two places: the third waits for one to end, whichever; ending one twice frees one place."""
    places = Concurrency(Limit(rate=2, period_us=S, burst=2))
    first, second = places.admit(0.0), places.admit(0.0)
    assert (first.remaining, second.remaining) == (1, 0)
    assert places.admit(99.0) == Admission(False, 1.0, 0, 1.0, "2")
    places.settle(99.0, first.ticket, 0)
    places.settle(99.0, first.ticket, 0)
    assert admitted(places, 5, 99.0) == 1
    assert not places.idle(99.0)


@pytest.mark.parametrize("name", NAMES)
def test_true_costs_are_counted_afterwards(name: Name) -> None:
    """100 units: 60 estimated and 90 used leave 10; 60 estimated and 20 used leave 80."""
    limit = Limit(rate=100, period_us=S, burst=100)
    dear, cheap = ALGORITHMS[name](limit), ALGORITHMS[name](limit)
    dear.settle(5.5, dear.admit(5.5, 60).ticket, 30)
    cheap.settle(5.5, cheap.admit(5.5, 60).ticket, -40)
    assert not dear.admit(5.5, 11).admitted
    assert dear.admit(5.5, 10).admitted
    assert not cheap.admit(5.5, 81).admitted
    assert cheap.admit(5.5, 80).admitted


@pytest.mark.parametrize("name", NAMES)
def test_what_costs_more_than_everything_waits_for_everything(name: Name) -> None:
    """250 of 100 are admitted when all 100 are there, and paid for afterwards; a second one is not."""
    limiter = ALGORITHMS[name](Limit(rate=100, period_us=S, burst=100))
    assert limiter.admit(5.0, 250).admitted
    refused = limiter.admit(5.0, 1)
    assert not refused.admitted
    assert refused.remaining == 0
    assert limiter.admit(5.0 + refused.retry_after_s, 1).admitted


@pytest.mark.parametrize("name", NAMES)
def test_settling_what_is_long_past_changes_nothing(name: Name) -> None:
    """A request that took ten periods was counted then; giving units back now would be a gift."""
    limiter = ALGORITHMS[name](Limit(rate=10, period_us=S, burst=10))
    ticket = limiter.admit(5.0, 10).ticket
    assert limiter.idle(50.0)
    limiter.settle(50.0, ticket, -10)
    assert limiter.idle(50.0)
    assert admitted(limiter, 100, 50.0) == 10


class Model:
    """The definitions, written down as sums of fractions over everything ever admitted: slow, and plainly right."""

    def __init__(self, name: Name, limit: Limit) -> None:
        self.name, self.limit, self.log = name, limit, list[tuple[int, int]]()

    def admit(self, now_us: int, cost: int) -> bool:
        """Tell whether the definition admits it."""
        fits = getattr(self, f"_{self.name.replace('-', '_')}")(now_us, cost)
        if fits:
            self.log.append((now_us, cost))
        return bool(fits)

    def _gcra(self, now_us: int, cost: int) -> bool:
        """Virtual scheduling: TAT is the later of the last TAT and the arrival, and an interval for each unit."""
        interval = Fraction(self.limit.period_us, self.limit.rate)
        tat = Fraction(0)
        for at, taken in self.log:
            tat = max(tat, Fraction(at)) + taken * interval
        tat = max(tat, Fraction(now_us))
        tolerance = self.limit.burst * interval
        return tat + min(cost * interval, tolerance) - now_us <= tolerance

    def _token_bucket(self, now_us: int, cost: int) -> bool:
        """For every moment since: what was taken after it is within burst + rate x time (the arrival curve)."""
        return all(
            sum(taken for then, taken in self.log if then >= at) + min(cost, self.limit.burst)
            <= self.limit.burst + Fraction((now_us - at) * self.limit.rate, self.limit.period_us)
            for at in (*(at for at, _ in self.log), now_us)
        )

    def _sliding_log(self, now_us: int, cost: int) -> bool:
        used = sum(taken for at, taken in self.log if at > now_us - self.limit.period_us)
        return used + min(cost, self.limit.rate) <= self.limit.rate

    def _fixed_window(self, now_us: int, cost: int) -> bool:
        window = now_us // self.limit.period_us
        used = sum(taken for at, taken in self.log if at // self.limit.period_us == window)
        return used + min(cost, self.limit.rate) <= self.limit.rate

    def _sliding_counter(self, now_us: int, cost: int) -> bool:
        window, into = divmod(now_us, self.limit.period_us)
        counts = [
            sum(taken for at, taken in self.log if at // self.limit.period_us == number)
            for number in (window - 1, window)
        ]
        weighed = counts[0] * (1 - Fraction(into, self.limit.period_us)) + counts[1]
        return weighed + min(cost, self.limit.rate) <= self.limit.rate


ARRIVALS = st.lists(st.tuples(st.integers(0, 700_000), st.integers(1, 4)), max_size=60)
LIMITS = st.builds(
    Limit, rate=st.integers(1, 12), period_us=st.sampled_from([S // 3, S, 3 * S]), burst=st.integers(1, 15)
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=120, deadline=None)
@given(limit=LIMITS, arrivals=ARRIVALS)
def test_each_algorithm_is_its_definition(name: Name, limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """For any arrivals the same are admitted as by the definition, and who is refused is told the first moment at which
    the definition would admit it."""
    limiter, model = ALGORITHMS[name](limit), Model(name, limit)
    now_us = 1_000 * S
    for pause_us, cost in arrivals:
        now_us += pause_us
        said = limiter.admit(now_us / S, cost)
        assert said.admitted == model.admit(now_us, cost)
        assert 0 <= said.remaining <= limiter.quota
        if not said.admitted:
            wait_us = round(said.retry_after_s * S)
            log = list(model.log)
            assert wait_us > 0
            assert not model.admit(now_us + wait_us - 1, cost)
            assert model.admit(now_us + wait_us, cost)
            model.log = log


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(limit=LIMITS, arrivals=ARRIVALS)
def test_reset_is_when_all_is_back(name: Name, limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """After `reset_s` without a request the state is as good as new, and not a microsecond earlier."""
    limiter = ALGORITHMS[name](limit)
    now_us = 1_000 * S
    for pause_us, cost in arrivals:
        now_us += pause_us
        said = limiter.admit(now_us / S, cost)
    if arrivals:
        reset_us = math.ceil(round(said.reset_s * S, 3))
        assert not limiter.idle((now_us + reset_us - 1) / S)
        assert limiter.idle((now_us + reset_us) / S)
