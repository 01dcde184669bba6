"""What a comparison looks like in a terminal 80 columns wide: the sentence, a table against each other side, where the report is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from gatebench.cli import say

if TYPE_CHECKING:
    from gatebench.analysis.comparison.comparison import Comparison
    from gatebench.analysis.comparison.rows import Row

_WIDE = 28
"""Columns that a difference with its interval needs."""

_LABEL = 10
_SIDES = 5
_BRIEF = {"unknown": "?"}

_WORDS = {
    "compared": ("≷", "bold"),
    "one side": ("≡", "bold"),
    "one round": ("?", "bold yellow"),
    "incomplete": ("!", "bold magenta"),
}


def print_comparison(found: Comparison, report: Path) -> None:
    """Print what came of a comparison; `report` is where its page is."""
    console = say.out()
    symbol, style = _WORDS[found.verdict.word]
    console.print()
    verdict = found.verdict
    several = len(verdict.findings) > 1 and verdict.word == "compared"
    sentences = [finding.sentence for finding in verdict.findings] if several else [verdict.sentence]
    for place, sentence in enumerate(sentences):
        console.print(f"[{style}]{symbol}[/{style}] [bold]{escape(sentence)}[/bold]")
        told = verdict.findings[place : place + 1] if several else verdict.findings
        for finding in told if verdict.word != "one round" else ():
            if finding.largest:
                console.print(Padding(escape(finding.largest), (0, 0, 0, 2), expand=False))
    for one in found.invalid:
        words = f"{one.scenario} on {one.side}, round {one.order + 1}, does not count: {one.why or 'invalid'}"
        console.print(Padding(f"[magenta]![/magenta] {escape(words)}", (0, 0, 0, 2), expand=False))
    for remark in found.remarks:
        console.print(Padding(f"[yellow]![/yellow] {escape(remark)}", (0, 0, 0, 2), expand=False))
    for table in _matrices(found):
        console.print()
        console.print(table)
    if found.material.suite is not None:
        console.print("[dim]≥ a bound that was not reached · ? unknown: the report says why[/dim]")
    for table in _tables(found) if found.material.suite is None else ():
        console.print()
        console.print(table)
    if any(row.winner(place) for row in found.rows if row.matters for place in range(1, len(row.cells))):
        words = "✓ better, ✗ worse: the 95 % interval of the difference excludes zero. No mark: not shown."
        console.print(f"[dim]{words}[/dim]")
    console.print(f"report  {report}", soft_wrap=True, markup=False)


def _matrices(found: Comparison) -> Iterator[Table]:
    """Yield the matrix of a suite, a few sides at a time so that it fits 80 columns."""
    from gatebench.analysis.report.comparison.matrix_view import ONE_ROUND, view

    matrix = view(found)
    if matrix is None:
        return
    for first in range(0, len(matrix.lines), _SIDES):
        lines = matrix.lines[first : first + _SIDES]
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        table.add_column(ONE_ROUND if matrix.one_round else "", no_wrap=True)
        for line in lines:
            table.add_column(escape(_shortened(line.label)), justify="right", no_wrap=True)
        for place, one in enumerate(matrix.asked):
            cells = (line.cells[place].text for line in lines)
            table.add_row(escape(one.question.title), *(escape(_BRIEF.get(text, text)) for text in cells))
        yield table


def _tables(found: Comparison) -> Iterator[Table]:
    for scenario in found.material.scenarios:
        rows = [row for row in found.rows if row.scenario == scenario and row.matters]
        if rows and len(found.labels) == 1:
            yield _alone(found, scenario, rows)
        for place in range(1, len(found.labels)) if rows else ():
            yield _against(found, scenario, rows, place)


def _alone(found: Comparison, scenario: str, rows: list[Row]) -> Table:
    table = _table(scenario, (found.labels[0], "95 % between rounds", "rounds"))
    for heading, row in _grouped(rows):
        if heading:
            table.add_row(f"[dim]{escape(heading)}[/dim]")
        cell = row.cells[0]
        middle, interval = _cell(row, 0)
        table.add_row(f" {escape(row.title)}", middle, interval, f"{len(cell.points)} of {cell.rounds}")
    return table


def _against(found: Comparison, scenario: str, rows: list[Row], place: int) -> Table:
    from gatebench.analysis.comparison.verdict import change

    table = _table(scenario, (found.labels[0], found.labels[place], "difference (95 %)"))
    for heading, row in _grouped(rows):
        if heading:
            table.add_row(f"[dim]{escape(heading)}[/dim]")
        difference, winner = row.contrasts[place], row.winner(place)
        words = escape(change(difference, row.unit)) if difference is not None else "–"
        mark = {"head": "[green]✓[/green] ", "base": "[red]✗[/red] "}.get(winner or "", "")
        table.add_row(f" {escape(row.title)}", _cell(row, 0)[0], _cell(row, place)[0], mark + words)
    return table


def _grouped(rows: list[Row]) -> Iterator[tuple[str, Row]]:
    """Yield rows by phase, the first of each with the name of its phase."""
    phases = list(dict.fromkeys(row.phase for row in rows))
    for phase in [phase for phase in phases if phase is not None] + ([None] if None in phases else []):
        for number, row in enumerate(row for row in rows if row.phase == phase):
            yield ("" if number else (phase or "whole run")), row


def _cell(row: Row, place: int) -> tuple[str, str]:
    """Return the typical round of a side, and its interval."""
    from gatebench.analysis.report.words import interval, quantity

    middle = row.cells[place].typical
    if middle is None:
        return "[dim]unknown[/dim]", ""
    text = escape(quantity(middle.median, row.unit))
    if row.under_floor(place):
        text = f"[dim]{text}[/dim]"
    if middle.low is None or middle.high is None:
        return text, "one round"
    return text, escape(interval(middle.low, middle.high, row.unit))


def _table(scenario: str, others: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(escape(scenario), no_wrap=True)
    for place, title in enumerate(others):
        least = _WIDE if place == len(others) - 1 and len(others) > 2 and title.startswith("difference") else None
        table.add_column(escape(_shortened(title)), justify="right", no_wrap=True, min_width=least)
    return table


def _shortened(title: str) -> str:
    return title if len(title) <= _LABEL or title.startswith("difference") else f"{title[: _LABEL - 1]}…"
