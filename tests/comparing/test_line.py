"""How much worse one number is than another, and how much may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gatebench.comparing.line import Better, Floats, Line, Measure
from gatebench.comparing.tolerance import Tolerance


def measure(unit: str = "ms", better: Better = "lower", **amount: float) -> Measure:
    """A measure of this unit with a tolerance, `relative` or `absolute`."""
    return Measure("m", "M", unit, better, "baseline", Tolerance("m", **amount))  # type: ignore[arg-type]  # relative, absolute


def one(value: float) -> Floats:
    """A single round."""
    return np.array([value])


@pytest.mark.parametrize(
    ("made", "base", "head", "worse"),
    [
        (measure(relative=0.05), 100.0, 110.0, math.log(1.1)),
        (measure(relative=0.05), 110.0, 100.0, -math.log(1.1)),
        (measure(better="higher", relative=0.05), 100.0, 90.0, -math.log(0.9)),
        (measure(absolute=0.3), 1.4, 1.7, 0.3),
        (measure("share", "higher", absolute=0.005), 0.999, 0.99, 0.009),
        (measure(relative=0.05), 0.0, 0.0, 0.0),  # nothing became of nothing
    ],
)
def test_worse_is_positive(made: Measure, base: float, head: float, worse: float) -> None:
    """Times by log-ratio, counts and shares by difference; the sign follows the better direction."""
    assert made.worse(one(base), one(head))[0] == pytest.approx(worse)


def test_a_ratio_without_a_base_is_unknown() -> None:
    """From 0 to something there is no ratio, nor from something to 0: NaN, never 0."""
    made = measure(relative=0.05)
    assert np.isnan(made.worse(np.array([0.0, 5.0]), np.array([5.0, 0.0]))).all()


@pytest.mark.parametrize(
    ("made", "level", "margin"),
    [
        (measure(relative=0.05), 50.0, math.log(1.05)),
        (measure(relative=0.05), 1.0, math.log(1.2)),  # 0.2 ms of 1 ms are more than 5 %
        (measure("s", relative=0.05), 0.001, math.log(1.2)),  # the same in seconds
        (measure("1/s", "higher", relative=0.05), 100.0, -math.log(0.95)),
        (measure("1/s", relative=0.05), 1.0, math.log(1.05)),  # the floor is for times only
        (measure(absolute=0.1), 1.0, 0.1),
        (measure(relative=0.05), 0.0, math.log(1.05)),
    ],
)
def test_the_margin_is_the_tolerance_on_the_scale_of_worse(made: Measure, level: float, margin: float) -> None:
    """With the instruments' floor under times that are very short."""
    assert made.margin(np.full(10, level)) == pytest.approx(margin)


def test_the_floor_follows_the_median_round() -> None:
    """One round near 0 does not widen what is tolerated of the others."""
    assert measure(relative=0.05).margin(np.array([50.0] * 9 + [0.001])) == pytest.approx(math.log(1.05))


def test_a_pair_is_complete_with_both_numbers() -> None:
    """NaN on either side, or no ratio, and the pair does not count."""
    line = Line(measure(relative=0.05), np.array([1.0, np.nan, 1.0, 0.0]), np.array([1.0, 1.0, np.nan, 1.0]))
    assert line.complete.tolist() == [True, False, False, False]


def test_what_is_bad_of_a_share() -> None:
    """Of errors the share itself, of answers what is missing to all."""
    assert measure("share", absolute=0.01).bad(one(0.02))[0] == pytest.approx(0.02)
    assert measure("share", "higher", absolute=0.01).bad(one(0.98))[0] == pytest.approx(0.02)
    assert measure("share", absolute=0.01).counted
    assert not measure(absolute=0.01).counted
