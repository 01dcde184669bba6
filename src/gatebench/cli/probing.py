"""`bench targets probe`: brings the target up where that is ours to do, looks at it, and holds what it declares against what it does."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gatebench.cli import say
from gatebench.errors import Problem

if TYPE_CHECKING:
    from gatebench.execution.looking import Behind, Found, Look
    from gatebench.execution.standing import Standing

_STANDS_S = 300.0
_MARKS = {"yes": "[green]✓[/green]", "no": "[dim]–[/dim]", "unknown": "[yellow]?[/yellow]"}
_SWITCHED_ON: frozenset[str] = frozenset({"streaming", "failover"})
"""What a target that declares it does at its own settings; limits and caches are switched on by scenarios."""


@dataclass(frozen=True)
class Wish:
    """What is to be looked at, and how it is asked."""

    target: str
    settings: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    metrics: str | None = None
    model: str = "gatebench-small"
    allow_remote: tuple[str, ...] = ()


def look_at(wish: Wish, *, as_json: bool) -> int:
    """Print what was found; returns 0, or 1 when a target does not do what it declares."""
    from gatebench.experiment.making import heeding_signals

    problems: list[Problem] = []
    with heeding_signals(), contextlib.ExitStack() as stack:
        look, declared = _look(wish, problems, stack)
        if problems or look is None:
            say.problems(problems)
            raise typer.Exit(2)
        found = list(look.findings())
    broken = [one for one in found if _contradicts(one, declared)]
    if found[0].answer != "yes":
        broken = found[:1]
    _print(wish, found, declared, broken, as_json=as_json)
    return 1 if broken else 0


def _look(
    wish: Wish, problems: list[Problem], stack: contextlib.ExitStack
) -> tuple[Look | None, tuple[str, ...] | None]:
    """Return what to look with, and which capabilities are declared (None: nobody declared any)."""
    from gatebench import tls
    from gatebench.cli.options import headers
    from gatebench.execution.asking import Problems, RunRequest, resolve_target
    from gatebench.execution.looking import Look
    from gatebench.execution.standing import standing

    sent = headers(wish.headers, problems)
    if wish.settings and re.match(r"https?://|up:", wish.target):
        problems.append(Problem("--set", "a running gateway's settings are not ours to change.", "Remove it."))
    if wish.metrics is not None and not wish.metrics.startswith("/"):
        problems.append(Problem(f"--metrics {wish.metrics}", "is no path.", "Write for instance /metrics."))
    if re.match(r"https?://", wish.target):
        from gatebench.content import Content

        asked = Problems()
        request = RunRequest(scenario="smoke", target=wish.target, seed=1, allow_remote=wish.allow_remote)
        plan = resolve_target(request, Content(), {}, asked)
        problems += list(asked)
        if problems or plan is None or plan.url is None:
            return None, None
        return Look(plan.url, sent, wish.model, wish.metrics, verify=tls.context(plan.tls) if plan.tls else True), None
    if wish.target.startswith("up:"):
        there = next((one for one in standing() if f"up:{one.name}" == wish.target), None)
        if there is None:
            problems.append(Problem(wish.target, "nothing of this name stands.", "See `bench up --list`."))
    else:
        there = stack.enter_context(_brought_up(wish, problems))
    if problems or there is None:
        return None, None
    definition = there.plan.target.definition
    if definition is not None and definition.tls is not None:
        cure = "Probe it by its https:// URL."
        problems.append(Problem(wish.target, "serves TLS, which a probe does not speak to a target by its name.", cure))
        return None, None
    metrics = wish.metrics or (definition.metrics if definition else None)
    entrance = f"http://{there.links['front']}{there.entrance.prefix}"
    look = Look(entrance, {**there.entrance.headers, **sent}, _model(there, wish.model), metrics, behind=_behind(there))
    if there.entrance.user:
        look.user = there.entrance.user
    return look, definition.capabilities if definition else None


@contextlib.contextmanager
def _brought_up(wish: Wish, problems: list[Problem]) -> Iterator[Standing | None]:
    """Let the target stand as long as it is looked at."""
    from gatebench.cli.up import planned_topology, start_topology
    from gatebench.execution.standing import standing, take_down

    plan = planned_topology(wish.target, "smoke", "embedded", list(wish.settings), problems)
    if problems or plan is None:
        yield None
        return
    name = f"probe-{plan.target.name}-{time.time_ns() % 10**6}"
    plan = plan.model_copy(update={"request_id": "any"})  # whichever way they come, the providers are to see them
    there: Standing | None = None
    try:
        start_topology(plan, name, time.time() + _STANDS_S)
        there = next((one for one in standing() if one.name == name), None)
        if there is None:
            problems.append(
                Problem(wish.target, "ended as soon as it stood.", f"See `bench run smoke --target {wish.target}`.")
            )
        yield there
    finally:
        there = there or next((one for one in standing() if one.name == name), None)
        if there is not None and not take_down(there):
            say.err().print(f"{name} did not end within 20 s; run `bench down {name}`", markup=False)


def _model(there: Standing, model: str) -> str:
    """Return what the target calls a model."""
    from gatebench.execution.topology.rendering import Rendering

    target = there.plan.target
    if target.definition is None or target.definition.model is None:
        return model
    return Rendering(target, {"model": model, "settings": target.settings}).text(target.definition.model)


def _behind(there: Standing) -> Behind:
    from gatebench.execution.looking import Behind
    from gatebench.execution.toxiproxy.client import Engine
    from gatebench.run.folder import RunFolder

    engine = Engine(there.engine_url, prefix=f"gatebench-{there.plan.token}-")
    first = next(link for link in there.links if link != "front")
    return Behind(
        there.plan.token,
        RunFolder(Path(there.folder)).parts,
        lambda ttl_ms: engine.take_down(first, ttl_ms),
        lambda: engine.bring_up(first),
    )


def _contradicts(found: Found, declared: tuple[str, ...] | None) -> bool:
    return (
        declared is not None
        and found.capability in _SWITCHED_ON
        and found.capability in declared
        and found.answer == "no"
    )


def _print(
    wish: Wish, found: list[Found], declared: tuple[str, ...] | None, broken: list[Found], *, as_json: bool
) -> None:
    from rich.markup import escape
    from rich.table import Table

    if as_json:
        rows = [
            {
                **vars(one),
                "declared": None if declared is None or one.capability is None else one.capability in declared,
            }
            for one in found
        ]
        document = {"schema": "gatebench.probe/1", "target": wish.target, "exit_code": int(bool(broken)), "found": rows}
        sys.stdout.write(json.dumps(document) + "\n")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for one in found:
        mark = "[red]✗[/red]" if one in broken else _MARKS[one.answer]
        claim = ""
        if declared is not None and one.capability is not None:
            claim = f" [dim]({'declared' if one.capability in declared else 'not declared'})[/dim]"
        table.add_row(mark, one.question, f"{escape(one.told)}{claim}")
    say.out().print(table)
    seen = [one.capability for one in found if one.answer == "yes" and one.capability]
    if declared is None and found[0].answer == "yes":
        say.out().print(f"As lines of a target.toml: capabilities = {json.dumps(seen)}", markup=False, soft_wrap=True)
    for one in broken:
        say.out().print(f"✗ {one.question}: {one.told}.", markup=False, soft_wrap=True)
