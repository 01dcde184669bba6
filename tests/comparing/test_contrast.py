"""Intervals between rounds: the arithmetic against scipy's, and how often the truth is inside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gatebench.comparing.contrast import contrast, is_relative, paired, typical, unpaired

BASE = np.array([50.0, 52.0, 49.0, 51.5, 50.5])
HEAD = np.array([55.0, 57.5, 53.0, 57.0, 56.0])


def test_a_paired_difference_has_students_interval() -> None:
    """The same ends as scipy's paired test gives."""
    found = paired(BASE, HEAD, relative=False)
    known = stats.ttest_rel(HEAD, BASE).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert found.change == pytest.approx(np.mean(HEAD - BASE))
    assert found.shown and found.paired and found.rounds == 5


def test_a_paired_ratio_is_that_of_logarithms() -> None:
    """Ten percent more in the mean of logarithms is log 1.1."""
    wobble = np.array([1.01, 0.99, 1.0])
    found = paired(np.array([10.0, 20.0, 40.0]), np.array([11.0, 22.0, 44.0]) * wobble, relative=True)
    assert found.change == pytest.approx(np.log(1.1) + np.log(wobble).mean())


def test_rounds_without_partners_have_welchs_interval() -> None:
    """The same ends as scipy's test for unequal variances gives, with unequal numbers of rounds."""
    found = unpaired(BASE, HEAD[:3], relative=True)
    known = stats.ttest_ind(np.log(HEAD[:3]), np.log(BASE), equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert not found.paired


def test_one_round_has_no_interval_and_says_so() -> None:
    """Paired or not; a difference of one pair is never shown."""
    for found in (
        paired(BASE[:1], HEAD[:1], relative=True),
        unpaired(BASE[:1], HEAD, relative=True),
        contrast({1: 5.0}, {1: 6.0}, relative=True),
        contrast({1: 5.0}, {2: 6.0}, relative=True),
    ):
        assert found is not None
        assert found.low is None and not found.shown and found.why.startswith("one ")


@pytest.mark.parametrize(("pairs", "shown"), [(2, False), (5, False), (6, True), (10, True)])
def test_equal_differences_show_something_from_six_pairs_on(pairs: int, shown: bool) -> None:
    """Without spread only the signs can tell: two times one half to the sixth is 0.03."""
    found = paired(np.zeros(pairs), np.ones(pairs), relative=False)
    assert found.shown is shown


def test_what_is_the_same_in_every_pair_is_not_shown_to_differ() -> None:
    """Its interval is nothing wide and holds zero."""
    found = paired(BASE, BASE, relative=True)
    assert (found.low, found.high, found.shown) == (0.0, 0.0, False)


def test_pairs_are_made_where_two_sides_share_them() -> None:
    """Two shared pairs are enough to leave the others out; one is not, where more rounds are there."""
    two = contrast({1: 5.0, 2: 6.0, 3: 9.0}, {1: 6.0, 2: 7.5, 4: 9.0}, relative=True)
    one = contrast({1: 5.0, 2: 6.0}, {1: 6.0, 3: 7.0}, relative=True)
    assert two is not None and two.paired and two.rounds == 2
    assert one is not None and not one.paired and one.rounds == 4
    assert contrast({}, {1: 6.0}, relative=True) is None


def test_times_and_rates_above_zero_are_compared_by_ratio() -> None:
    """Shares, counts, what a gateway adds, and times that can be nothing are compared by difference."""
    positive, with_zero = np.array([1.0, 2.0]), np.array([0.0, 2.0])
    assert is_relative("response_p95_ms", "ms", positive)
    assert is_relative("goodput_per_s", "1/s", positive)
    assert not is_relative("failover_time_s", "s", positive, with_zero)
    assert not is_relative("overhead_median_ms", "ms", positive)
    assert not is_relative("availability", "share", positive)


@pytest.mark.parametrize(("rounds", "low", "high"), [(6, 0, 5), (8, 0, 7), (9, 1, 7), (10, 1, 8), (15, 3, 11)])
def test_the_interval_of_a_median_goes_from_one_round_to_another(rounds: int, low: int, high: int) -> None:
    """The ranks of the table of sign-test intervals at 95 %, counted from 0."""
    values = np.arange(float(rounds))
    found = typical(np.random.default_rng(1).permutation(values))
    assert (found.low, found.high, found.median) == (low, high, (rounds - 1) / 2)


def test_few_rounds_have_students_interval_about_the_mean() -> None:
    """Three values: mean 2, standard deviation 1, quantile 4.303: two ± 2.484."""
    found = typical(np.array([-1.0, 2.0, 5.0]))
    assert (found.low, found.high) == pytest.approx((2 - 3 * 2.4841, 2 + 3 * 2.4841), abs=1e-3)
    assert typical(np.array([7.0])).low is None


@pytest.mark.parametrize("rounds", [3, 5, 10])
def test_intervals_hold_the_truth_as_often_as_they_say(rounds: int) -> None:
    """Of 2 000 comparisons of log-normal rounds the truth, +5 %, is outside in about one of twenty; four sigma either way."""
    random = np.random.default_rng(rounds)
    outside = 0
    for _ in range(2000):
        level = random.lognormal(4, 0.2, rounds)  # what a seed does to both
        base, head = (level * random.lognormal(0, 0.03, rounds) for _ in "ab")
        found = paired(base, head * 1.05, relative=True)
        assert found.low is not None and found.high is not None
        outside += not found.low <= np.log(1.05) <= found.high
    assert 61 <= outside <= 139
