"""A target is broken when a second's answers say so, not when one bad moment of the past does."""

from gatebench.execution.breaking_point import BreakingPoint
from gatebench.execution.load.state import LoadState

S = 1_000_000_000


def test_it_breaks_by_the_last_second_alone() -> None:
    """A thousand good answers before do not hide that most of the last ones were bad."""
    breaking = BreakingPoint(0.5)
    assert not breaking.sees(0, LoadState(ok=0, bad=0))
    assert not breaking.sees(1 * S, LoadState(ok=1000, bad=0))
    assert not breaking.sees(2 * S, LoadState(ok=1100, bad=0))
    assert breaking.sees(3 * S, LoadState(ok=1120, bad=80))
    assert breaking.bad_share == 0.8


def test_it_does_not_break_below_its_share_or_on_a_handful() -> None:
    """Half bad is not more than half, and nineteen answers are too few to say."""
    breaking = BreakingPoint(0.5)
    breaking.sees(0, LoadState())
    assert not breaking.sees(S // 2, LoadState(ok=50, bad=50))
    few = BreakingPoint(0.5)
    few.sees(0, LoadState())
    assert not few.sees(S // 2, LoadState(ok=0, bad=19))
    assert few.sees(S, LoadState(ok=0, bad=20))
