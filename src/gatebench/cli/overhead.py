"""What a gateway adds, in a terminal: each figure beside the noise of the harness, and the processor time of every process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from gatebench.run.summary import OverheadLine, ProcessCost, Summary

MARK: Final = "*"
"""Stands beside a figure that its noise floor could have made."""


def overhead_tables(summary: Summary) -> Iterator[RenderableType]:
    """Yield the tables of a run that compares lanes; nothing for any other run."""
    if not summary.overhead:
        return
    yield Group(_overhead(summary.overhead), *_notes(summary.overhead))
    if summary.cpu:
        yield _costs(summary.cpu)


def _overhead(lines: list[OverheadLine]) -> Table:
    table = _table("overhead, ms", ("added", "95 %", "noise floor", "95 %", "pairs"))
    for line in lines:
        hidden = line.distinguishable is False
        cells = [line.title.removeprefix("Overhead, ").removeprefix("Overhead on the ") + (MARK if hidden else "")]
        if line.value is None:
            table.add_row(*cells, "unknown", "", "", "", str(line.pairs), style="dim")
            continue
        cells += [f"{line.value:.3f}", _ends(line.low, line.high, 3)]
        cells += ["unknown" if line.floor is None else f"{line.floor:.3f}", _ends(line.floor_low, line.floor_high, 3)]
        table.add_row(*cells, str(line.pairs), style="dim" if hidden else None)
    return table


def _notes(lines: list[OverheadLine]) -> Iterator[str]:
    """Yield what must be read with the figures: which are noise, which are unknown and why, what was left out."""
    if any(line.distinguishable is False for line in lines):
        yield f"[dim]{MARK} not distinguishable from the harness's own noise[/dim]"
    for why in dict.fromkeys(line.why for line in lines if line.why):
        yield f"[dim]unknown: {escape(why)}[/dim]"
    if left_out := max(line.left_out for line in lines):
        yield f"[dim]{left_out} pairs left out: one side was not answered completely[/dim]"


def _costs(costs: list[ProcessCost]) -> Table:
    table = _table("µs a request", ("used", "95 %", "requests", "counted"))
    for cost in costs:
        value = "unknown" if cost.value is None else f"{cost.value:.0f}"
        table.add_row(escape(cost.process), value, _ends(cost.low, cost.high, 0), str(cost.requests), cost.counted)
    return table


def _table(first: str, others: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first)
    for title in others:
        table.add_column(title, justify="left" if title == "counted" else "right")
    return table


def _ends(low: float | None, high: float | None, places: int) -> str:
    """Return both ends of an interval, "1.090 … 1.166"; a dash when the data show none."""
    return "–" if low is None or high is None else f"{low:.{places}f} … {high:.{places}f}"
