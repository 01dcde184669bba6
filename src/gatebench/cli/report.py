"""`bench report`: rebuild summary and report from what a run folder holds."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders; a partial or interrupted one is fine.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the report to this file (one run only).")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Rebuild summary.json and report.html from a run folder, also after a crash.

    bench report runs/20261120T234500Z-failover-outage-reference --open
    """
    from gatebench.cli import say
    from gatebench.cli.reading import read
    from gatebench.cli.terminal import print_summary
    from gatebench.errors import Problem
    from gatebench.run.folder import RunFolder

    problems = [
        Problem(str(path), "is no run folder: it holds no run.json.", "Name a folder below runs/.")
        for path in runs
        if not (path / "run.json").is_file()
    ]
    if out is not None and len(runs) > 1:
        problems.append(Problem("--out", "takes one run.", "Name one run, or leave --out out."))
    if problems:
        say.problems(problems)
        raise typer.Exit(2)
    for path in runs:
        folder = RunFolder(path)
        summary = read(folder)
        if out is not None:
            out.write_text(folder.report.read_text())
        print_summary(summary, folder)
        if show:
            webbrowser.open((out or folder.report).resolve().as_uri())
