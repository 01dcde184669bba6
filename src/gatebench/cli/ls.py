"""`bench ls`: what there is to run, to measure and to break."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What can be listed."""

    SCENARIOS = "scenarios"
    TARGETS = "targets"
    FAULTS = "faults"
    METRICS = "metrics"
    RUNS = "runs"


def ls(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List scenarios, targets, faults, metrics or runs.

    bench ls faults
    """
    from rich.table import Table

    from gatebench.cli import say
    from gatebench.errors import ConfigurationError

    try:
        rows = _rows(kind)
    except ConfigurationError as error:
        say.problems(error.problems)
        raise typer.Exit(2) from None
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.list/1", "kind": kind.value, "rows": rows}) + "\n")
        return
    if not rows:
        say.out().print(f"No {kind.value} here yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in rows[0]:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    say.out().print(table)


def _rows(kind: Kind) -> list[dict[str, str]]:
    from gatebench.content import Content

    content = Content()
    if kind is Kind.SCENARIOS:
        loaded = [content.scenario(name) for name in content.scenario_names()]
        return [{"name": item.name, "asks": item.title} for item in loaded]
    if kind is Kind.TARGETS:
        targets = [content.target(name) for name in content.target_names()]
        return [
            {
                "name": item.name,
                "profiles": ", ".join(sorted({"default", *item.definition.profiles})),
                "can": ", ".join(item.definition.capabilities) or "–",
                "is": item.definition.description,
            }
            for item in targets
        ]
    if kind is Kind.FAULTS:
        return [_fault_row(name) for name in content.fault_names()]
    if kind is Kind.METRICS:
        from gatebench.analysis.metrics import describe_metrics

        return describe_metrics()
    return _run_rows()


def _fault_row(name: str) -> dict[str, str]:
    from gatebench.content import Content

    fault = Content().fault(name)
    parameters = ", ".join(f"{key} = {value.default} {value.unit}".strip() for key, value in fault.parameters.items())
    return {
        "name": name,
        "layer": fault.layer,
        "parameters": parameters or "–",
        "live connections": fault.live_connections,
        "attempts seen": "yes" if fault.attempts_visible else "no",
        "proven by": f"{fault.proof.samples} × {fault.proof.expect}",
        "does": fault.description,
    }


def _run_rows() -> list[dict[str, str]]:
    from pathlib import Path

    rows = []
    for path in sorted(Path("runs").glob("*/run.json")):
        summary = path.parent / "summary.json"
        verdict = json.loads(summary.read_text())["verdict"] if summary.exists() else "not read yet"
        rows.append({"name": path.parent.name, "verdict": verdict})
    return rows
