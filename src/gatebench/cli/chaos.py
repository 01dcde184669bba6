"""`bench chaos`: put faults on what stands or runs, see what is on, take everything off."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatebench.cli import completing
from gatebench.cli.chaos_elsewhere import inject_there, on_engine
from gatebench.cli.chaos_order import desk_named, ordered, stop_if, taken_back

if TYPE_CHECKING:
    from gatebench.errors import Problem

_POLL_S = 0.2

chaos = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Put faults on a topology of `bench up`, on a run in progress, or on any Toxiproxy; see what is on; take everything off.

    Every fault has an end that is kept by the engine that applies it, is proven by canaries, and is written down.

    [bold]Start here:[/bold]  bench up --target reference  ·  bench chaos inject latency --on provider-a --for 20s
    """,
)

In = Annotated[
    str | None,
    typer.Option(
        "--in", metavar="NAME", autocompletion=completing.desks, help="Which run or topology, when there are several."
    ),
]
AtEngine = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="URL", help="A Toxiproxy that somebody else runs; its proxies called gatebench-… alone."
    ),
]
Allow = Annotated[list[str] | None, typer.Option(metavar="HOST", help="Allow faults to leave this machine for HOST.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@chaos.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the faults and the fault plans that there are.

    bench chaos list
    """
    from gatebench.cli.ls import Kind, facts, ls

    if as_json:
        document = {"schema": "gatebench.chaos/1", "faults": facts(Kind.FAULTS), "plans": facts(Kind.PLANS)}
        sys.stdout.write(json.dumps(document) + "\n")
        return
    ls(Kind.FAULTS, as_json=False)
    ls(Kind.PLANS, as_json=False)


@chaos.command()
def status(
    engine: AtEngine = None,
    log: Annotated[bool, typer.Option("--log", help="Also what `bench chaos` did, and when.")] = False,
    allow_remote: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Say what is on, since when and until when, in everything of yours that runs or stands.

    bench chaos status
    """
    from gatebench.cli.chaos_view import show_log, show_status
    from gatebench.errors import EnvironmentFailure
    from gatebench.execution.desk_client import ask, noted
    from gatebench.execution.desk_state import desks

    rows: list[dict[str, Any]] = []
    for desk in desks():
        row: dict[str, Any] = {"name": desk.name, "kind": desk.kind, "lives": desk.lives, "faults": []}
        if desk.lives:
            try:
                row |= ask(desk, {"op": "status"}, within_s=5.0)
            except EnvironmentFailure as error:
                row["trouble"] = str(error)
        rows.append(row)
    if engine is not None:
        rows.append({"name": engine, "kind": "engine", "lives": True, "faults": on_engine(engine, allow_remote or [])})
    done = noted() if log else []
    if as_json:
        document = {"schema": "gatebench.chaos/1", "desks": rows, "log": done}
        sys.stdout.write(json.dumps(document) + "\n")
        return
    show_status(rows)
    if log:
        show_log(done)


@chaos.command()
def inject(
    fault: Annotated[
        str, typer.Argument(autocompletion=completing.faults, help="Which fault; `bench chaos list` has them.")
    ],
    on: Annotated[str, typer.Option("--on", metavar="PLACE", help="The link, provider or process that it is put on.")],
    lasting: Annotated[str, typer.Option("--for", metavar="DURATION", help="When it ends by itself.")] = "30s",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter, as in latency=300 or latency_ms=300."),
    ] = None,
    within: In = None,
    engine: AtEngine = None,
    allow_remote: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Put one fault on one place, prove it, and leave it on until its time is over or `bench chaos clear`.

    bench chaos inject latency --on provider-a --for 30s --set latency=500

    bench chaos inject process-pause --on gateway --for 5s
    """
    from gatebench.execution.desk_client import note
    from gatebench.execution.ordering import Order, single_fault

    problems: list[Problem] = []
    order = Order(fault, on, lasting, tuple(settings or ()))
    if engine is not None:
        inject_there(order, engine, allow_remote or [], problems, as_json=as_json)
        return
    desk = desk_named(within, problems)
    windows = single_fault(order, desk, problems)
    stop_if(problems, as_json=as_json)
    assert desk is not None  # noqa: S101 - it would be a problem
    note("inject", fault=fault, on=on, lasting=lasting, settings=settings or [], topology=desk.name)
    with taken_back(desk) as ticket:
        answer = ordered(desk, windows, ticket, as_json=as_json)
    row = answer["faults"][0]
    note("injected", topology=desk.name, **{key: row[key] for key in ("id", "name", "on", "state", "proven", "failed")})
    _told(row, as_json=as_json)


@chaos.command()
def clear(engine: AtEngine = None, allow_remote: Allow = None, as_json: AsJson = False) -> None:
    """Take every fault off, everywhere: the kill switch. Works when the harness that put it on is dead; harmless always.

    bench chaos clear
    """
    from gatebench.cli import say
    from gatebench.errors import EnvironmentFailure
    from gatebench.execution.desk_client import ask, clear_by_hand, clear_engine, note
    from gatebench.execution.desk_state import desks
    from gatebench.execution.foreign import call_off, engine_at

    cleared: list[str] = []
    trouble: list[str] = []
    for desk in desks():
        if desk.lives:
            try:
                answer = ask(desk, {"op": "clear"}, within_s=20.0)
                trouble += answer.get("problems", [])
                cleared += [f"{what} in {desk.name}" for what in answer.get("cleared", [])]
                if not answer.get("problems"):
                    continue
            except EnvironmentFailure as error:
                trouble.append(str(error))
        cleared += [f"{what} in {desk.name}" for what in clear_by_hand(desk)]
        if not desk.lives:
            desk.forget()
    if engine is not None:
        there = engine_at(engine, allow_remote or [])
        cleared += [f"{what} at {engine}" for what in clear_engine(there)]
        call_off(there.url)
    note("clear", cleared=cleared, trouble=trouble)
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.chaos/1", "cleared": cleared, "trouble": trouble}) + "\n")
    else:
        for what in cleared:
            say.out().print(f"cleared  {what}", markup=False, soft_wrap=True)
        for what in trouble:
            say.err().print(what, markup=False)
        if not cleared:
            say.out().print("Nothing was on.")


@chaos.command("run")
def run_(
    plan: Annotated[
        str, typer.Argument(autocompletion=completing.plans, help="Which fault plan; `bench ls plans` has them.")
    ],
    lasting: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="Its length, when a window of it has no end of its own."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of its random windows.")] = 1,
    within: In = None,
    as_json: AsJson = False,
) -> None:
    """Walk through a fault plan; Ctrl-C takes everything off that it has put on.

    bench chaos run shaky-provider
    """
    from gatebench.cli import say
    from gatebench.cli.plot import timeline
    from gatebench.execution.desk_client import ask, note
    from gatebench.execution.ordering import whole_plan

    problems: list[Problem] = []
    desk = desk_named(within, problems)
    windows = whole_plan(plan, lasting, seed, desk, problems)
    stop_if(problems, as_json=as_json)
    assert desk is not None  # noqa: S101 - it would be a problem
    note("run", plan=plan, seed=seed, topology=desk.name)
    if not as_json:
        say.out().print(*timeline(windows, max(fault.end_ns for fault in windows)), sep="\n")
    with taken_back(desk) as ticket:
        rows = ordered(desk, windows, ticket, as_json=as_json)["faults"]
        mine = {row["id"] for row in rows}
        seen: dict[str, str] = {}
        while not all(row["state"] in {"over", "failed"} for row in rows):
            time.sleep(_POLL_S)
            rows = [row for row in ask(desk, {"op": "status"})["faults"] if row["id"] in mine]
            for row in rows:
                if not as_json and seen.get(row["id"], "to come") != row["state"]:
                    seen[row["id"]] = row["state"]
                    _say_row(row)
    note("ran", plan=plan, topology=desk.name, faults={row["id"]: row["proven"] for row in rows})
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.chaos/1", "faults": rows}) + "\n")
    raise typer.Exit(_code(rows))


@chaos.command()
def serve(
    host: Annotated[str, typer.Option(help="Loopback address of the API.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the API; 0: a free one.")] = 8474,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Proxies (JSON) to have from the start.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed chooses the same victims.")] = 0,
    allow_remote: Allow = None,
) -> None:
    """Run our Toxiproxy by itself: a drop-in for the real one, with its API, on which every fault can end by itself.

    bench chaos serve --port 8474 --seed 7
    """
    from gatebench.execution.toxiproxy.server import main

    arguments = ["--host", host, "--port", str(port), "--seed", str(seed)]
    arguments += ["--config", config] if config is not None else []
    for name in allow_remote or []:
        arguments += ["--allow-remote", name]
    raise typer.Exit(main(arguments))


def _told(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.chaos/1", "faults": [row]}) + "\n")
    else:
        _say_row(row)
    raise typer.Exit(_code([row]))


def _say_row(row: dict[str, Any]) -> None:
    from gatebench.cli import say
    from gatebench.cli.chaos_view import mark, sentence

    say.out().print(mark(row), sentence(row), soft_wrap=True)


def _code(rows: list[dict[str, Any]]) -> int:
    """Return 5 when an engine refused, 3 when nobody could prove a fault or it was cleared before, else 0."""
    if any(row["state"] == "failed" for row in rows):
        return 5
    return 3 if any(not row["proven"] for row in rows) else 0
