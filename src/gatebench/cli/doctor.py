"""`bench doctor`: what is installed here, what works, and what to do about what does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def doctor(
    out: Annotated[Path, typer.Option(help="Folder that receives the run folders.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Look at this machine: Python, programs, ports, clock, limits, and what `bench up` left standing.

    bench doctor
    """
    from rich.markup import escape
    from rich.table import Table

    from gatebench.cli import say
    from gatebench.cli.diagnosis import BROKEN, diagnose

    found = diagnose(out)
    broken = any(one.status == BROKEN for one in found)
    if as_json:
        rows = [{"name": one.name, "status": one.status, "found": one.found, "cure": one.cure} for one in found]
        document = {"schema": "gatebench.doctor/1", "exit_code": 5 if broken else 0, "findings": rows}
        sys.stdout.write(json.dumps(document) + "\n")
        raise typer.Exit(5 if broken else 0)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    marks = {"ok": "[green]✓[/green]", "missing": "[dim]–[/dim]", "broken": "[red]✗[/red]"}
    for one in found:
        cure = f" [dim]{escape(one.cure)}[/dim]" if one.cure else ""
        table.add_row(marks[one.status], one.name, f"{escape(one.found)}{cure}")
    say.out().print(table)
    raise typer.Exit(5 if broken else 0)
