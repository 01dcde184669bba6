"""Numbers as the report writes them: never more than was measured, never a share that looks complete when it is not."""

from __future__ import annotations

import math

import pytest

from gatebench.analysis.report import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.042149, "0.0421"),
        (45.26, "45.3"),
        (5000.0, "5\u202f000"),
        (1234567.0, "1\u202f234\u202f567"),
        (-3.5, "\u22123.50"),
        (-1e-9, "0.000000"),
        (math.inf, "∞"),
    ],
)
def test_significant(value: float, said: str) -> None:
    """Three digits of a small number, every digit of a large one, and no minus before nothing."""
    assert words.significant(value) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (1.0, "100"),
        (0.0, "0"),
        (0.9715, "97.15"),
        (0.99996, "99.996"),  # 100.00 would claim that nothing was lost
        (0.00004, "0.004"),  # 0.00 would claim that nothing happened
        (1.5, "150.00"),
    ],
)
def test_percent(share: float, said: str) -> None:
    """Only everything reads 100 %, and only nothing reads 0 %."""
    assert words.percent(share) == f"{said}\u202f%"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (45.26, "ms", "45.3\u202fms"),
        (0.01234, "s", "12.3\u202fms"),
        (1.4242, "s", "1.42\u202fs"),
        (0.97, "share", "97.00\u202f%"),
        (1974, "requests", "1\u202f974"),
        (197.4, "1/s", "197/s"),
        (1.012, "ratio", "1.01\u202f×"),
        (0.35, "cores", "0.350\u202fcores"),
        (7.0, "", "7.00"),
    ],
)
def test_quantity(value: float, unit: str, said: str) -> None:
    """Each unit reads as its readers expect."""
    assert words.quantity(value, unit) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (250, "ms", "250\u202fms"),
        (1.0, "s", "1\u202fs"),
        (0.99, "share", "99\u202f%"),
        (0, "requests", "0"),
        (1.2, "ratio", "1.2\u202f×"),
    ],
)
def test_bound(value: float, unit: str, said: str) -> None:
    """A number that somebody chose has no digits that nobody wrote."""
    assert words.bound(value, unit) == said


@pytest.mark.parametrize(
    ("low", "high", "unit", "said"),
    [
        (45.7, 46.6, "ms", "45.7–46.6\u202fms"),
        (0.0, 0.0033, "s", "0–3.30\u202fms"),
        (0.0, 0.0, "s", "0–0\u202fs"),
        (0.9981, 1.0, "share", "99.81–100\u202f%"),
        (1200.0, 1300.0, "ms", "1\u202f200–1\u202f300\u202fms"),
        (3, 1200, "requests", "3–1\u202f200"),
        (190.0, 201.0, "1/s", "190–201/s"),
    ],
)
def test_interval(low: float, high: float, unit: str, said: str) -> None:
    """An interval names its unit once, and both ends stand in the same one."""
    assert words.interval(low, high, unit) == said


def test_moments_and_durations() -> None:
    """Moments are to the millisecond; durations that were chosen have no trailing zeros; prose keeps its units."""
    assert words.moment(13.003) == "13.003\u202fs"
    assert words.moment(-1.0) == "\u22121.000\u202fs"
    assert words.duration(0.25) == "250\u202fms"
    assert words.duration(33.0) == "33\u202fs"
    assert words.tied("took 3.31 ms in 2 samples, 5 % lost") == "took 3.31\u00a0ms in 2 samples, 5\u00a0% lost"
