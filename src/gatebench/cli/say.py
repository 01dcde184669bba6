"""How the command line speaks: problems and failures in sentences on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape

from gatebench.errors import EnvironmentFailure, Problem


def err() -> Console:
    """Return the console of progress and problems."""
    return Console(stderr=True, highlight=False, soft_wrap=False)


def out() -> Console:
    """Return the console of results."""
    return Console(highlight=False)


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


def failure(error: EnvironmentFailure) -> None:
    """Say what would not start, with its last log lines."""
    console = err()
    console.print(f"[bold red]The environment failed:[/bold red] {escape(error.what)}")
    for line in error.log_tail:
        console.print(f"  [dim]│ {escape(line)}[/dim]")
