"""When gates look, and that they never spend more than they have."""

from __future__ import annotations

import pytest

from gatebench.comparing.looks import DEFAULT_PAIRS, LEAST_PAIRS, plan_looks


@pytest.mark.parametrize("pairs", range(1, 101))
def test_the_looks_spend_everything_once(pairs: int) -> None:
    """Shares are positive and add up to 1; looks rise, end at the last pair, and none comes before `LEAST_PAIRS`."""
    looks = plan_looks(pairs)
    assert sum(looks.shares) == pytest.approx(1.0)
    assert min(looks.shares) > 0
    assert list(looks.pairs) == sorted(set(looks.pairs))
    assert looks.most == pairs
    assert looks.pairs[0] >= min(pairs, LEAST_PAIRS)


@pytest.mark.parametrize("pairs", range(LEAST_PAIRS, 101, 2))
def test_looks_stand_after_whole_quads(pairs: int) -> None:
    """After an even number of pairs each side came first equally often, so that drift and order cancel."""
    assert all(look % 2 == 0 for look in plan_looks(pairs).pairs)


def test_the_default_gate() -> None:
    """Twenty-four pairs, looked at after each quarter."""
    looks = plan_looks(DEFAULT_PAIRS)
    assert looks.pairs == (6, 12, 18, 24)
    assert looks.shares == pytest.approx((0.1, 0.1, 0.25, 0.55))


def test_a_gate_of_ten() -> None:
    """Looked at after 6, 8 and 10: what quarters would spend earlier is spent at the first look."""
    looks = plan_looks(10)
    assert looks.pairs == (6, 8, 10)
    assert looks.shares == pytest.approx((0.2, 0.25, 0.55))


def test_later_looks_may_spend_more() -> None:
    """Little is spent on what few pairs show."""
    shares = plan_looks(40).shares
    assert list(shares) == sorted(shares)


def test_between_looks_nothing_may_be_spent() -> None:
    """The share of a number of pairs after which nobody looks is 0."""
    assert plan_looks(10).share(7) == 0.0


def test_a_gate_that_does_not_stop_looks_once() -> None:
    """Without the sequential rule the whole allowance is spent at the end."""
    looks = plan_looks(10, sequential=False)
    assert (looks.pairs, looks.shares) == ((10,), (1.0,))
