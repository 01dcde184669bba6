"""Finding moments: windows of rows, the moment at a window's start, and what is said when it was not reached."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.analysis.metrics.moments import first_held, sliding_at_most, sliding_share
from gatebench.stats import Interval, percentile


@pytest.mark.parametrize(
    ("flags", "rows", "expected"),
    [
        ([1, 1, 0, 1], 2, [1.0, 0.5, 0.5]),  # (1+1)/2, (1+0)/2, (0+1)/2
        ([1, 0, 0], 3, [1 / 3]),
        ([1, 0], 3, []),  # fewer rows than a window holds
    ],
)
def test_sliding_share(flags: list[int], rows: int, expected: list[float]) -> None:
    """Each window's share stands at the position of its first row."""
    assert sliding_share(np.array(flags, dtype=bool), rows).tolist() == pytest.approx(expected)


@given(st.lists(st.floats(0, 100), min_size=10, max_size=60), st.sampled_from([0.5, 0.9, 0.99]), st.floats(0, 100))
def test_sliding_percentile_without_sorting(values: list[float], share: float, limit: float) -> None:
    """Counting rows under the limit says of every window what sorting it would say."""
    series = np.array(values)
    sorted_out = [percentile(np.sort(series[start : start + 8]), share) <= limit for start in range(len(values) - 7)]
    assert sliding_at_most(series, 8, share, limit).tolist() == sorted_out


SINCE_S = np.arange(1, 13) / 10  # 0.1, 0.2, … 1.2: twelve rows


def holds(*starts: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return the windows of two rows (eleven of them) of which those at `starts` hold."""
    flags = np.zeros(11, dtype=bool)
    flags[list(starts)] = True
    return flags


def test_moment_is_the_start_of_the_first_window() -> None:
    """The moment is the due time of the first row of the first window that is held; the row before is its resolution."""
    # windows at 3, 5 and 7 adjoin: rows 3-4, 5-6, 7-8
    found = first_held(holds(3, 5, 7), SINCE_S, 2, 3, "it")
    assert found.status == "known"
    assert found.value == pytest.approx(0.4)
    assert found.shown == Interval(SINCE_S[2], SINCE_S[3])


def test_window_that_is_not_held_does_not_count() -> None:
    """A good window followed by a bad one is a fluke."""
    assert first_held(holds(0, 2, 5, 7, 9), SINCE_S, 2, 3, "it").value == pytest.approx(0.6)


def test_from_the_edge_on() -> None:
    """What holds from the first row on holds from the edge on."""
    found = first_held(holds(0, 2, 4), SINCE_S, 2, 3, "it")
    assert (found.value, found.shown) == (0.0, Interval(0.0, 0.0))


def test_moment_that_was_not_reached_is_censored() -> None:
    """What was never held is above the last start from which it could have been: row 6 of 12, with three windows of two."""
    found = first_held(holds(1), SINCE_S, 2, 3, "it")
    assert found.status == "censored"
    assert found.value == pytest.approx(0.7)
    assert "it was not reached" in found.why


def test_too_few_rows_are_unknown() -> None:
    """Fewer rows than the windows need say nothing, not even that it was not reached."""
    found = first_held(holds(), SINCE_S[:5], 2, 3, "it")
    assert (found.status, found.value) == ("unknown", None)
    assert "3 windows of 2 rows; only 5 rows" in found.why


def test_length_of_the_window_is_stated() -> None:
    """Every moment comes with the length of the window it was found by: two rows 0.1 s apart."""
    assert "2 rows (0.10 s)" in first_held(holds(0, 2, 4), SINCE_S, 2, 3, "it").why
