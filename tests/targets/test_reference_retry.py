"""Backoff and budget: the arithmetic of waiting and of how often."""

from __future__ import annotations

import pytest

from targets.reference.refgate.retry import RetryBudget, full_jitter_s


@pytest.mark.parametrize(
    ("failures", "draw", "expected_s"),
    [
        (1, 0.5, 0.05),  # 0.5 * min(1, 0.1 * 1)
        (2, 0.5, 0.10),  # 0.5 * min(1, 0.1 * 2)
        (3, 0.5, 0.20),  # 0.5 * min(1, 0.1 * 4)
        (4, 1.0, 0.80),  # 1.0 * min(1, 0.1 * 8)
        (5, 1.0, 1.00),  # 1.0 * min(1, 0.1 * 16)
        (9999, 1.0, 1.00),  # the doublings end before the number does
        (3, 0.0, 0.00),  # full jitter starts at nothing
    ],
)
def test_full_jitter(failures: int, draw: float, expected_s: float) -> None:
    """The pause is a share of a ceiling that doubles with each failure up to the cap."""
    assert full_jitter_s(failures, base_s=0.1, cap_s=1.0, draw=draw) == pytest.approx(expected_s)


def test_the_reserve_is_spent_once() -> None:
    """Without requests there are as many retries as the reserve holds, and no more."""
    budget = RetryBudget(ratio=0.1, reserve=3)
    assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]


def test_retries_stay_a_share_of_requests() -> None:
    """With a retry wanted after each of 10 000 requests, ratio * requests + reserve are granted."""
    budget = RetryBudget(ratio=0.125, reserve=10)
    granted = 0
    for _ in range(10_000):
        budget.earn()
        granted += budget.spend()
    # The first request's eighth is lost because the reserve is full.
    assert granted == 1250 + 10 - 1


def test_quiet_times_save_up_no_storm() -> None:
    """A million good requests leave the reserve, not a hundred thousand retries."""
    budget = RetryBudget(ratio=0.1, reserve=10)
    for _ in range(1_000_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == 10
