"""The live line of a run: phase, rate, percentiles, errors and the faults that are on. On stderr, and calm when nobody looks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gatebench.cli import say
from gatebench.cli.terminal import requests

if TYPE_CHECKING:
    from gatebench.execution.load.engine import LoadState
    from gatebench.execution.runner import Watcher
    from gatebench.plan import Plan

_PLAIN_INTERVAL_S = 5.0


@contextlib.contextmanager
def watcher(plan: Plan, *, quiet: bool) -> Iterator[Watcher]:
    """Yield who looks on: nobody, a live line on a terminal, or a plain line every few seconds in a log."""
    from gatebench.execution.runner import Nobody

    if quiet:
        yield Nobody()
        return
    console = say.err()
    profile = "" if plan.target.profile == "default" else f":{plan.target.profile}"
    console.print(
        f"[bold]{escape(plan.scenario)}[/bold] on [bold]{escape(plan.target.name)}{profile}[/bold]  "
        f"[dim]{requests(plan)}in {plan.load.duration_ns / 1e9:g} s, seed {plan.seed}[/dim]"
    )
    for warning in plan.warnings:
        console.print(f"  [yellow]![/yellow] {escape(warning)}")
    if not console.is_terminal:
        yield PlainLines(console)
        return
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        yield LiveLine(live)


class PlainLines:
    """Looks on in a log file: one line a step, one every few seconds of load."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def step(self, text: str) -> None:
        """Write the step."""
        self._console.print(f"  {text}")

    def progress(self, phase: str, elapsed_s: float, total_s: float, state: LoadState, faults: list[str]) -> None:
        """Write a line now and then."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PLAIN_INTERVAL_S
        self._console.print("  " + _facts(phase, elapsed_s, total_s, state, faults).plain)


class LiveLine:
    """Looks on in a terminal: one line that changes."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def step(self, text: str) -> None:
        """Show the step."""
        self._live.update(Text(f"  {text} …", style="dim"))

    def progress(self, phase: str, elapsed_s: float, total_s: float, state: LoadState, faults: list[str]) -> None:
        """Show where the run is."""
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=total_s, completed=min(max(elapsed_s, 0.0), total_s), width=14)
        grid.add_row(" ", bar, _facts(phase, elapsed_s, total_s, state, faults))
        self._live.update(grid)


def _facts(phase: str, elapsed_s: float, total_s: float, state: LoadState, faults: list[str]) -> Text:
    text = Text(overflow="ellipsis", no_wrap=True)
    text.append(f"{phase:<9}", style="bold")
    text.append(f"{max(elapsed_s, 0.0):4.0f}/{total_s:.0f} s ")
    if state.rate_per_s is not None:
        text.append(f"{state.rate_per_s:5.0f}/s ")
    if state.p50_ms is not None and state.p99_ms is not None:
        text.append(f"p50 {state.p50_ms:.0f} p99 {state.p99_ms:.0f} ms ")
    text.append(f"bad {state.bad} ", style="red" if state.bad else "")
    if faults:
        text.append("⚡ " + ", ".join(faults), style="yellow")
    return text
