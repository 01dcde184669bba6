"""Which side goes first, and what that cancels."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.comparing.order import turned, turns


def test_it_begins_with_abba_and_turns() -> None:
    """AB BA, then BA AB, then BA AB, then AB BA."""
    assert "".join("BA" if turned(pair) else "AB" for pair in range(8)) == "ABBABAABBAABABBA"


@pytest.mark.parametrize("pairs", range(2, 101, 2))
def test_both_sides_go_first_equally_often(pairs: int) -> None:
    """After every even number of pairs, so at every look."""
    assert turns(pairs).sum() == pairs // 2


@pytest.mark.parametrize(("pairs", "power"), [(2, 1), (4, 2), (8, 3)])
def test_drift_cancels(pairs: int, power: int) -> None:
    """After 2^k rounds everything up to the power k - 1: a line after 2 pairs, a parabola after 4, a cubic after 8."""
    sides = np.array([side for pair in turns(pairs) for side in ((1, -1) if pair else (-1, 1))])
    for exponent in range(power + 1):
        assert sides @ np.arange(2 * pairs) ** exponent == 0
