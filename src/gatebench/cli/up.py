"""`bench up` and `bench down`: leave a topology standing on purpose, and take it away again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatebench.cli import completing

if TYPE_CHECKING:
    from gatebench.execution.standing import Standing
    from gatebench.plan import Plan

_PATIENCE_S = 60.0


def up(
    target: Annotated[
        str | None, typer.Option("--target", "-t", autocompletion=completing.targets, help="NAME or NAME:PROFILE.")
    ] = None,
    scenario: Annotated[str, typer.Option(help="Whose providers and settings it gets.")] = "smoke",
    name: Annotated[str | None, typer.Option(help="What to call it; the target's name otherwise.")] = None,
    engine: Annotated[str, typer.Option(help="Toxiproxy: auto, embedded, toxiproxy, or its URL.")] = "auto",
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting.")] = None,
    lasting: Annotated[str | None, typer.Option("--for", help="Take it down by itself after that, as in 2h.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only say what stands.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Start providers, links and gateway and leave them standing, until `bench down`, --for, or the end of the session.

    bench up --target reference

    bench run smoke --target up:reference
    """
    from gatebench.cli import say
    from gatebench.errors import ConfigurationError, Problem
    from gatebench.execution.standing import standing
    from gatebench.units import duration_s

    there = standing()
    if listing:
        _show(there, as_json=as_json)
        return
    problems: list[Problem] = []
    plan = planned_topology(target, scenario, engine, settings or [], problems)
    called = name or (plan.target.name if plan else "")
    if any(one.name == called for one in there):
        problems.append(Problem(f"bench up {called}", "it stands already.", f"Use it, or `bench down {called}` first."))
    if re.fullmatch(r"[\w.-]{0,100}", called) is None or called.startswith("."):
        cure = "Use up to a hundred letters, digits, dots, hyphens and underscores."
        problems.append(Problem(f"--name {called}", "cannot be the name of a file.", cure))
    until = 0.0
    if lasting is not None:
        try:
            until = time.time() + duration_s(lasting)
        except ValueError as error:
            problems.append(Problem(f"--for {lasting}", f"{error}.", "Write for instance 2h."))
    if problems or plan is None:
        say.problems(problems)
        raise typer.Exit(ConfigurationError.exit_code)
    start_topology(plan, called, until)
    _show([one for one in standing() if one.name == called], as_json=as_json)


def down(
    name: Annotated[str | None, typer.Argument(help="Which one; needed when several stand.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that stand.")] = False,
) -> None:
    """Take down what `bench up` left standing; harmless when nothing does.

    bench down
    """
    from gatebench.cli import say
    from gatebench.errors import Problem
    from gatebench.execution.standing import standing, take_down

    there = standing()
    chosen = [one for one in there if everything or one.name == name or (name is None and len(there) == 1)]
    if not chosen and (name is not None or len(there) > 1):
        names = ", ".join(one.name for one in there) or "nothing"
        cure = f"There stands: {names}." + (" Name one, or use --all." if there else "")
        say.problems([Problem(f"bench down {name or ''}".strip(), "names nothing that stands.", cure)])
        raise typer.Exit(2)
    if not chosen:
        say.out().print("Nothing stands.")
    _say_unreadable()
    left = [one.name for one in chosen if not take_down(one)]
    for one in chosen:
        if one.name not in left:
            say.out().print(f"{one.name} is down; its logs are in {one.folder}", markup=False, soft_wrap=True)
    if left:
        say.err().print(f"{', '.join(left)} did not end within 20 s; run `bench down` again", markup=False)
        raise typer.Exit(5)


def planned_topology(
    target: str | None, scenario: str, engine: str, settings: list[str], problems: list[Any]
) -> Plan | None:
    """Return the plan of a topology that is to stand; None when `problems` says why there is none."""
    from gatebench.analysis.metrics import known_metrics
    from gatebench.cli.options import pairs
    from gatebench.content import Content
    from gatebench.errors import ConfigurationError, Problem
    from gatebench.execution.asking import RunRequest
    from gatebench.execution.planning import make_plan

    content = Content()
    if target is None:
        cure = f"Add --target NAME; the targets are: {', '.join(content.target_names())}."
        problems.append(Problem("--target", "is missing.", cure))
        return None
    if "://" in target or target.startswith(("unix:", "up:")):
        problems.append(
            Problem(f"--target {target}", "stands already, and not because of us.", "Name a target folder.")
        )
        return None
    chosen = pairs("--set", settings, problems)
    request = RunRequest(scenario=scenario, target=target, seed=1, engine=engine, settings=chosen)
    try:
        return make_plan(request, content, known_metrics())
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None


def start_topology(plan: Plan, name: str, until: float) -> None:
    """Start the keeper and wait until it says how it went; EnvironmentFailure with the last log lines when it went wrong."""
    from gatebench.cli import say
    from gatebench.errors import EnvironmentFailure
    from gatebench.execution.standing import state_folder

    folder = state_folder() / "plans"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, log = folder / f"{name}.json", folder / f"{name}.log"
    path.write_text(plan.model_dump_json())
    command = [sys.executable, "-m", "gatebench.execution.keeper", str(path), name, str(until)]
    with log.open("wb") as words:
        keeper = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words, start_new_session=True
        )
    within_s = _patience_s(plan)
    try:
        said = _first_line(keeper, within_s)
    except BaseException:
        keeper.terminate()
        raise
    path.unlink(missing_ok=True)
    if said.get("ready"):
        return
    ended = "ended before it was ready"
    if keeper.poll() is None:
        keeper.terminate()
        ended = f"was not ready within {within_s:g} s"
    lines = said.get("log") or log.read_text(errors="replace").splitlines()[-12:]
    failure = EnvironmentFailure(said.get("error") or f"The keeper of the topology {ended}.", lines)
    say.failure(failure)
    raise typer.Exit(failure.exit_code)


def _patience_s(plan: Plan) -> float:
    """Return how long a topology may take: what its processes may, and everything else."""
    from gatebench.units import duration_s

    definition = plan.target.definition
    return _PATIENCE_S + sum(duration_s(one.ready.within) for one in (definition.process if definition else ()))


def _first_line(keeper: subprocess.Popen[bytes], within_s: float) -> dict[str, Any]:
    import select

    assert keeper.stdout is not None  # noqa: S101 - it was asked for
    ready, _, _ = select.select([keeper.stdout], [], [], within_s)
    line = os.read(keeper.stdout.fileno(), 1 << 16) if ready else b""
    keeper.stdout.close()
    try:
        found: dict[str, Any] = json.loads(line.splitlines()[0])
    except (ValueError, IndexError):
        return {}
    return found


def _say_unreadable() -> None:
    """Name what another version left standing, which this one cannot read, with the way to end it."""
    from gatebench.cli import say
    from gatebench.execution.standing import unreadable

    for name, pid in unreadable().items():
        told = f"{name} was left standing by another version of gatebench; `kill {pid}` ends what keeps it, and with it everything"
        say.err().print(told, markup=False, soft_wrap=True)


def _show(there: list[Standing], *, as_json: bool) -> None:
    """Print what stands and where; the key of the providers' admin is not shown, its file is named."""
    from rich.table import Table

    from gatebench.cli import say
    from gatebench.execution.standing import state_folder

    if as_json:
        rows = [one.model_dump(mode="json", exclude={"plan", "admin_token"}) for one in there]
        sys.stdout.write(json.dumps({"schema": "gatebench.standing/2", "standing": rows}) + "\n")
        return
    if not there:
        say.out().print("Nothing stands.")
    _say_unreadable()
    for one in there:
        end = f", until {time.strftime('%H:%M', time.localtime(one.until_unix))}" if one.until_unix else ""
        say.out().print(
            f"[bold]{one.name}[/bold] stands since {time.strftime('%H:%M:%S', time.localtime(one.since_unix))}{end}"
        )
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), show_header=False)
        scheme = "https" if one.entrance.tls else "http"
        table.add_row("clients go to", f"{scheme}://{one.links['front']}{one.entrance.prefix}")
        if one.gateway:
            table.add_row("the gateway itself", f"{scheme}://{one.gateway}")
        for link, place in one.links.items():
            if link != "front":
                behind = one.providers.get(link)
                table.add_row(f"link to {link}", f"http://{place} → http://{behind}" if behind else place)
        table.add_row("Toxiproxy API", one.engine_url)
        table.add_row("admin token in", str(Path(state_folder()) / f"{one.name}.json"))
        table.add_row("logs in", f"{one.folder}/logs")
        say.out().print(table)
        say.out().print(f"  next: bench run smoke --target up:{one.name}   ·   bench down {one.name}", markup=False)
        say.out().print("        bench chaos inject latency --on front --for 30s", markup=False)
