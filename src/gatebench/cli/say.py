"""How the command line speaks: problems and failures in sentences on stderr, results on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final, NoReturn

from rich.console import Console
from rich.markup import escape

from gatebench.errors import EnvironmentFailure, Problem

UNHEARD: Final = 141
"""The exit code when whoever read our output has gone (`| head -1`), as a shell reports SIGPIPE: 128 + 13."""


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """End as every other program does whose reader has gone, and not as a failed check; what is on disk stands."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(UNHEARD)


def err() -> Console:
    """Return the console of progress and problems."""
    return _Console(stderr=True, highlight=False, soft_wrap=False)


def out() -> Console:
    """Return the console of results."""
    return _Console(highlight=False)


def problems(found: Iterable[Problem]) -> None:
    """Say every problem at once, each with its cure."""
    console = err()
    found = list(dict.fromkeys(found))
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    console.print(f"[bold red]{count}[/bold red]; nothing was started.")
    for problem in found:
        console.print(
            f"  [red]•[/red] [bold]{escape(problem.where)}[/bold]: {escape(problem.what)} {escape(problem.cure)}"
        )


def missing(report: str, sentences: Iterable[str], *, read: bool) -> None:
    """Say what a report lacks; without a reading of the run, where the report is too."""
    console, listed = out(), list(sentences)
    if not read:
        console.print("[bold]not read[/bold]  The run cannot be read again; its report shows what is left.")
    if listed:
        console.print("  its report lacks:")
    for sentence in listed:
        console.print(f"  • {escape(sentence)}")
    if not read:
        console.print(f"report  {escape(report)}", soft_wrap=True)


def failure(error: EnvironmentFailure) -> None:
    """Say what would not start, with its last log lines."""
    console = err()
    console.print(f"[bold red]The environment failed:[/bold red] {escape(error.what)}")
    for line in error.log_tail:
        console.print(f"  [dim]│ {escape(line)}[/dim]")
