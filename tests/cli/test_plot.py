"""A schedule is drawn so that its shape is seen without colour and within 80 columns."""

import pytest

from gatebench.cli.plot import HEIGHT, WIDTH, plot, rates_per_s
from gatebench.plan import PlannedPhase

S = 1_000_000_000


def phases(*ends_s: int) -> list[PlannedPhase]:
    """Return phases one after the other."""
    names = ("warmup", "baseline", "fault")
    starts = (0, *ends_s)
    return [
        PlannedPhase(name=name, role="steady", start_ns=start * S, end_ns=end * S)
        for name, start, end in zip(names, starts, ends_s, strict=False)
    ]


def test_rates_add_up_to_the_arrivals() -> None:
    """Each arrival is in one column; a column's rate is its count over its width."""
    assert rates_per_s([0, 1, 5 * S, 10 * S - 1], 10 * S, columns=2) == [0.4, 0.4]


def test_a_step_is_seen() -> None:
    """The second half is twice as high, so the upper rows are empty on its left."""
    due = [number * S // 10 for number in range(50)] + [5 * S + number * S // 20 for number in range(100)]
    lines = [line.plain for line in plot(due, 10 * S, phases(2, 5, 10))]
    assert len(lines) == HEIGHT + 3
    assert all(len(line) <= 80 for line in lines)
    top = lines[0].split("│")[1]
    assert top[: WIDTH // 2].strip() == ""
    assert lines[HEIGHT - 1].split("│")[1].count("█") == WIDTH
    assert "warmup" in lines[HEIGHT + 1]
    assert "baseline" in lines[HEIGHT + 1]
    assert lines[HEIGHT + 2].rstrip().endswith("10 s")


@pytest.mark.parametrize("due", [[], [0]])
def test_nothing_much_is_no_trouble(due: list[int]) -> None:
    """An empty schedule, and one of a single arrival, have a plot."""
    assert len(plot(due, 10 * S, phases(2, 5, 10))) == HEIGHT + 3
