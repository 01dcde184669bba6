"""A gate in a terminal 80 columns wide: the verdict, the numbers, the checks, what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from gatebench.cli import say
from gatebench.comparing.amounts import change, interval, number, tolerated
from gatebench.comparing.gated import Gated, advice, headline

if TYPE_CHECKING:
    from gatebench.comparing.judging import LineVerdict
    from gatebench.execution.runner import Watcher
    from gatebench.experiment.gate import Prepared
    from gatebench.experiment.making import Made
    from gatebench.experiment.record import Round
    from gatebench.plan import Plan

_SIGNS: Final = {0: ("✓", "green"), 1: ("✗", "red"), 3: ("!", "magenta"), 4: ("?", "yellow")}
_COLOURS: Final = {"regressed": "red", "cannot tell": "yellow", "missing": "yellow", "improved": "green"}


def print_gated(gated: Gated) -> None:
    """Print what the gate found."""
    console = say.out()
    sign, colour = _SIGNS.get(gated.code, ("!", "magenta"))
    console.print()
    console.print(f"[bold {colour}]{sign} {gated.verdict.upper()}[/bold {colour}]  {escape(headline(gated))}")
    console.print(f"[dim]base: {escape(gated.base)} · head: {escape(gated.head)}[/dim]")
    if gated.lines:
        console.print()
        console.print(_table(gated))
    for line in gated.ordered:
        if line.word in {"cannot tell", "missing"} and line.low is None:  # else the interval says it
            console.print(Padding(f"[dim]{escape(_name(line))}: {escape(line.why)}[/dim]", (0, 0, 0, 2), expand=False))
    _print_checks(console, gated)
    if todo := advice(gated):
        console.print()
        for sentence in todo:
            console.print(Padding(f"→ {escape(sentence)}", (0, 0, 0, 2), expand=False))
    for note in gated.notes:
        console.print(Padding(f"[yellow]![/yellow] {escape(note)}", (0, 0, 0, 2), expand=False))
    if gated.took_s is not None:
        console.print(f"\n[dim]{gated.pairs} of {gated.planned} pairs in {gated.took_s:.0f} s[/dim]")
    if gated.folder:
        console.print(f"folder  {gated.folder}", soft_wrap=True, markup=False)


def _table(gated: Gated) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", overflow="fold", ratio=None)
    for title in ("base", "head", "change", "tolerated"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for line in gated.ordered:
        unit, colour = line.measure.unit, _COLOURS.get(line.word)
        word = f"[{colour}]{line.word}[/{colour}]" if colour else line.word
        found = change(line) if line.low is None else f"{change(line)}\n[dim]{interval(line)}[/dim]"
        cells = (number(line.base, unit), number(line.head, unit), found, tolerated(line))
        table.add_row(escape(_name(line)), *cells, word)
    return table


def _name(line: LineVerdict) -> str:
    return line.measure.title + (f", {line.measure.phase}" if line.measure.phase else "")


def _print_checks(console: Console, gated: Gated) -> None:
    if not gated.checks:
        return
    console.print()
    calm = [check for check in gated.checks if not check.why]
    if calm:
        console.print(f"  {len(calm)} of {len(gated.checks)} checks did not fail more often in head than in base")
    for check in gated.checks:
        if check.why:
            colour = _COLOURS.get(check.word, "dim")
            text = f"[{colour}]{check.word}[/{colour}] {escape(check.sentence)}: {escape(check.why)}"
            console.print(Padding(text, (0, 0, 0, 2), expand=False))


def print_prepared(prepared: Prepared) -> None:
    """Print what a live gate would do."""
    console, order = say.out(), prepared.order
    plan = prepared.plans["base"]
    seconds = plan.load.duration_ns / 1e9
    console.print(f"[bold]{escape(order.scenario)}[/bold]: {escape(plan.title)}")
    console.print(f"  base  {escape(order.base.title)}\n  head  {escape(order.head.title)}")
    looks = ", ".join(str(pairs) for pairs in prepared.looks.pairs)
    console.print(
        f"  at most {order.pairs} pairs of {seconds:g} s each side, looked at after {looks}; seeds from {order.seed}"
    )
    console.print(f"  tolerated: {escape(', '.join(str(one) for one in prepared.tolerances))}")
    for note in (*prepared.notes, *plan.warnings):
        console.print(f"  [yellow]![/yellow] {escape(note)}")


@dataclass(frozen=True)
class Told:
    """What is said on stderr while a live gate goes on; nothing when it is to be quiet."""

    quiet: bool

    def sides(self, prepared: Prepared) -> None:
        """Say what is compared."""
        self._print(f"base  {escape(prepared.order.base.title)}\nhead  {escape(prepared.order.head.title)}")

    def step(self, text: str) -> None:
        """Say what is being done before the first run."""
        self._print(f"  {escape(text)}")

    def round(self, one: Round, made: Made) -> None:
        """Say that a round is over."""
        colour = "green" if one.valid else "magenta"
        word = "ok" if one.valid else f"does not count: {one.why}"
        verdict = f", {made.summary.verdict}" if one.valid and made.summary is not None else ""
        self._print(
            f"  pair {one.pair + 1:>2}  {one.side:<5}{one.took_s:5.1f} s  [{colour}]{escape(word)}[/{colour}]{verdict}"
        )

    def _print(self, text: str) -> None:
        if not self.quiet:
            say.err().print(text)


def watcher(plan: Plan, *, quiet: bool) -> AbstractContextManager[Watcher]:
    """Return who looks on at one of many runs: a live line on a terminal, else nobody."""
    return _watching(quiet=quiet)


@contextmanager
def _watching(*, quiet: bool) -> Iterator[Watcher]:
    from rich.live import Live

    from gatebench.cli.progress import LiveLine
    from gatebench.execution.runner import Nobody

    console = say.err()
    if quiet or not console.is_terminal:
        yield Nobody()
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield LiveLine(live)


@contextmanager
def section(name: str, title: str, *, gitlab: bool) -> Iterator[None]:
    """Fold what is printed inside in a GitLab job's log; nothing elsewhere."""
    import time

    from gatebench.analysis.exporters.annotations import gitlab_section, gitlab_section_end

    if gitlab:
        sys.stdout.write(gitlab_section(name, title, int(time.time())) + "\n")
    yield
    if gitlab:
        sys.stdout.write(gitlab_section_end(name, int(time.time())) + "\n")
