"""`bench report`: rebuild summary and report from what a run folder holds."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gatebench.errors import Problem


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Runs or experiments; partial or interrupted ones are fine."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the report to this file (one run only).")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Rebuild summary.json and report.html from a run folder, also after a crash; of an experiment, its comparison.

    Ends with 0 when the run was read whole, whatever its verdict; with 3 when something is missing or it cannot be trusted.

    bench report runs/20261120T234500Z-failover-outage-reference --open
    """
    from gatebench.cli import say
    from gatebench.cli.terminal import print_summary
    from gatebench.errors import Problem
    from gatebench.experiment.rereading import reread
    from gatebench.experiment.stored import is_experiment
    from gatebench.run.folder import RunFolder

    problems = [problem for path in runs for problem in _unreadable(path)]
    if out is not None and len(runs) > 1:
        problems.append(Problem("--out", "takes one run.", "Name one run, or leave --out out."))
    if out is not None and not out.resolve().parent.is_dir():
        problems.append(Problem(f"--out {out}", "its folder does not exist.", "Make it, or choose another one."))
    if problems:
        say.problems(problems)
        raise typer.Exit(2)
    codes = []
    for path in runs:
        if is_experiment(path):
            _experiment(path, out, show=show)
            continue
        folder = RunFolder(path)
        found = reread(folder)
        if out is not None:
            out.write_text(folder.report.read_text(encoding="utf-8"), encoding="utf-8")
        if found.summary is not None:
            print_summary(found.summary, folder)
        say.missing(str(folder.report), found.missing, read=found.summary is not None)
        codes.append(found.exit_code)
        if show:
            webbrowser.open((out or folder.report).resolve().as_uri())
    raise typer.Exit(max(codes, default=0))


def _experiment(path: Path, out: Path | None, *, show: bool) -> None:
    """Write the comparison of an experiment again, and show it."""
    from gatebench.cli.comparison_view import print_comparison
    from gatebench.experiment.comparing import rebuild
    from gatebench.experiment.record import ExperimentFolder

    written = out or ExperimentFolder(path).report
    found = rebuild(path, [], written)
    if found is not None:
        print_comparison(found, written)
    if show:
        webbrowser.open(written.resolve().as_uri())


def _unreadable(path: Path) -> list[Problem]:
    from gatebench.experiment.stored import is_experiment, read_experiment
    from gatebench.run.opening import unreadable

    if is_experiment(path):
        problems: list[Problem] = []
        read_experiment(path, problems)
        return problems
    return unreadable(path)
