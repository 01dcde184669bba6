"""`bench ls`: what there is to run, to measure and to break."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from gatebench.content import Content
    from gatebench.faults import Parameter


class Kind(StrEnum):
    """What can be listed."""

    SCENARIOS = "scenarios"
    SUITES = "suites"
    TARGETS = "targets"
    FAULTS = "faults"
    PLANS = "plans"
    METRICS = "metrics"
    RUNS = "runs"


def ls(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List scenarios, suites, targets, faults, fault plans, metrics or runs.

    bench ls faults
    """
    from gatebench.cli import say
    from gatebench.errors import ConfigurationError

    try:
        rows = _rows(kind)
    except ConfigurationError as error:
        say.problems(error.problems)
        raise typer.Exit(2) from None
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.list/1", "kind": kind.value, "rows": facts(kind)}) + "\n")
        return
    _print(kind, rows)
    if kind is Kind.FAULTS:
        _print_common()


def facts(kind: Kind) -> list[dict[str, Any]]:
    """Return the rows as JSON has them: of faults everything that they state."""
    rows = _rows(kind)
    return [_fault_facts(row["name"]) for row in rows] if kind is Kind.FAULTS else list(rows)


def _print(kind: Kind, rows: list[dict[str, str]]) -> None:
    """Print each row as its name, what it is, and its facts: readable at any width."""
    from rich.markup import escape
    from rich.padding import Padding

    from gatebench.cli import say

    console = say.out()
    if not rows:
        console.print(f"No {kind.value} here yet.")
        return
    for row in rows:
        name, text, *facts = row.items()
        console.print(f"[bold]{escape(name[1])}[/bold]")
        console.print(Padding(escape(text[1]), (0, 0, 0, 2), expand=False))
        if facts:
            console.print(
                Padding(f"[dim]{escape(' · '.join(f'{key} {value}' for key, value in facts))}[/dim]", (0, 0, 0, 2))
            )


def _rows(kind: Kind) -> list[dict[str, str]]:
    rows = {
        Kind.SCENARIOS: _scenario_rows,
        Kind.SUITES: _suite_rows,
        Kind.TARGETS: _target_rows,
        Kind.FAULTS: _fault_rows,
        Kind.PLANS: _plan_rows,
        Kind.METRICS: _metric_rows,
        Kind.RUNS: _run_rows,
    }
    return rows[kind]()


def _scenario_rows() -> list[dict[str, str]]:
    content = _content()
    loaded = [content.scenario(name) for name in content.scenario_names()]
    return [{"name": item.name, "asks": item.title} for item in loaded]


def _suite_rows() -> list[dict[str, str]]:
    content = _content()
    suites = {name: content.suite(name) for name in content.suite_names()}
    return [
        {
            "name": name,
            "asks": suite.description,
            "plays": ", ".join(entry.name for entry in suite.scenario),
            "questions": str(len(suite.question)),
        }
        for name, suite in suites.items()
    ]


def _target_rows() -> list[dict[str, str]]:
    content = _content()
    targets = [content.target(name) for name in content.target_names()]
    return [
        {
            "name": item.name,
            "is": item.definition.description,
            "profiles": ", ".join(sorted({"default", *item.definition.profiles})),
            "can": ", ".join(item.definition.capabilities) or "–",
        }
        for item in targets
    ]


def _fault_rows() -> list[dict[str, str]]:
    order = ("link", "provider", "process")
    return sorted((_fault_row(name) for name in _content().fault_names()), key=lambda row: order.index(row["layer"]))


def _plan_rows() -> list[dict[str, str]]:
    return [_plan_row(name) for name in _content().plan_names()]


def _metric_rows() -> list[dict[str, str]]:
    from gatebench.analysis.metrics import metrics

    return [
        {"name": name, "is": metric.definition, "unit": metric.unit or "1", "better": metric.better}
        for name, metric in metrics().items()
    ]


def _content() -> Content:
    from gatebench.content import Content

    return Content()


_WHERE = {"link": "link", "provider": "provider", "process": "process (gateway, a provider, a store)"}


def _fault_facts(name: str) -> dict[str, Any]:
    """Return everything that a fault states, with each of its parameters, as JSON has it."""
    from gatebench.content import Content

    fault = Content().fault(name)
    return {
        "name": name,
        **fault.model_dump(mode="json", exclude={"parameters"}),
        "parameters": {key: one.model_dump(mode="json") for key, one in fault.settings.items()},
    }


def _fault_row(name: str) -> dict[str, str]:
    from gatebench.content import Content

    fault = Content().fault(name)
    stream = " of a stream" if fault.proof.stream else ""
    return {
        "name": name,
        "does": fault.description,
        "layer": fault.layer,
        "on a": _WHERE[fault.layer],
        "parameters": ", ".join(_parameter(key, one) for key, one in fault.parameters.items()) or "–",
        "live connections": fault.live_connections,
        "attempts seen": "yes" if fault.attempts_visible else "no",
        "effect": fault.effect,
        "proven by": f"{fault.proof.samples} × {fault.proof.expect}{stream}",
    }


def _print_common() -> None:
    """Print what every fault of a kind takes besides, and how proofs are made."""
    from rich.markup import escape

    from gatebench.cli import say
    from gatebench.faults import common_parameters

    console = say.out()
    for what, mechanism in (("toxic (the link faults but link-down)", "toxic."), ("fault of a provider", "provider.")):
        console.print(f"\n[bold]Every {what} takes besides[/bold]")
        for name, parameter in common_parameters(mechanism).items():
            console.print(f"  {escape(_parameter(name, parameter))}  [dim]{escape(parameter.doc)}[/dim]")
    console.print(
        "\n[dim]Proofs are made over so many fresh connections, and as many that were open before the fault came. --json has every "
        "parameter's bounds and meaning.[/dim]"
    )


def _parameter(name: str, parameter: Parameter) -> str:
    value = f'"{parameter.default}"' if isinstance(parameter.default, str) else f"{parameter.default:g}"
    return f"{name} = {value} {parameter.unit}".strip()


def _plan_row(name: str) -> dict[str, str]:
    from gatebench.content import Content

    plan = Content().fault_plan(name)
    parts = [f"{entry.name} on {', '.join(entry.on)} ({entry.shape.kind})" for entry in plan.fault]
    return {"name": name, "does": plan.description, "puts on": "; ".join(parts)}


def _run_rows() -> list[dict[str, str]]:
    rows = []
    for path in sorted(Path("runs").glob("*/run.json")):
        summary = path.parent / "summary.json"
        try:
            verdict = str(json.loads(summary.read_text())["verdict"])
        except (OSError, ValueError, KeyError, TypeError):
            verdict = "not read yet, or damaged: bench report reads it"
        rows.append({"name": path.parent.name, "verdict": verdict})
    rows += [{"name": path.parent.name, "verdict": _found(path)} for path in Path("runs").glob("*/experiment.json")]
    return sorted(rows, key=lambda row: row["name"])


def _found(path: Path) -> str:
    """Return what an experiment found in a sentence, or else its state."""
    try:
        record = json.loads(path.read_text())
        return str(record["result"].get("sentence") or record["status"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "damaged: bench report says how"
