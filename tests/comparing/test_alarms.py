"""Alarms are counted as they come, with the exact interval of so few."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gatebench.comparing.alarms import consecutive, counted, plain_rule
from gatebench.comparing.line import Line, Measure
from gatebench.comparing.looks import plan_looks
from gatebench.comparing.tolerance import Tolerance

P95 = Measure("p95", "p95", "ms", "lower", None, Tolerance("p95", relative=0.05))


@pytest.mark.parametrize(("count", "of"), [(0, 4), (1, 4), (4, 4), (7, 40), (12, 10_000)])
def test_the_interval_is_that_of_clopper_and_pearson(count: int, of: int) -> None:
    """As `scipy.stats.binomtest` gives it, however wide: nothing of four may be up to 60 %."""
    expected = stats.binomtest(count, of).proportion_ci(0.95, "exact")
    found = counted(count, of)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_none_of_none_is_anything() -> None:
    """Where there was no gate, nothing is known."""
    assert (counted(0, 0).low, counted(0, 0).high) == (0.0, 1.0)


def test_gates_are_made_one_after_the_other() -> None:
    """Of 25 pairs each gate takes six, for then it knows; the slow head of the second alarms in it alone, and one pair is left over."""
    generator = np.random.default_rng(1)
    base, head = 50 * np.exp(generator.normal(0, 0.01, (2, 25)))
    head[6:12] *= 1.3
    head[24:] *= 9
    gates = consecutive([Line(P95, base, head)], plan_looks(10))
    assert [gate.exit_code for gate in gates] == [0, 1, 0, 0]


def test_a_gate_that_does_not_know_takes_all_its_pairs() -> None:
    """Of 25 pairs that vary by 30 %, two gates of ten, neither of which can tell, and no third of five."""
    base, head = 50 * np.exp(np.random.default_rng(2).normal(0, 0.3, (2, 25)))
    gates = consecutive([Line(P95, base, head)], plan_looks(10))
    assert [(gate.exit_code, gate.pairs) for gate in gates] == [(4, 10), (4, 10)]


def test_too_few_pairs_make_no_gate() -> None:
    """Five pairs are none, and no lines are none at all."""
    assert consecutive([Line(P95, np.ones(5), np.ones(5))], plan_looks(10)) == []
    assert consecutive([], plan_looks(10)) == []


def test_the_plain_rule_compares_one_pair() -> None:
    """More than 10 % alarms, 10 % does not; a pair without a number is left out."""
    base = np.array([100.0, 100.0, 100.0, np.nan])
    assert plain_rule(base, np.array([110.0, 110.1, 90.0, 500.0])).tolist() == [False, True, False]
