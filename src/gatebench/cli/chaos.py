"""`bench chaos`: put faults on what stands or runs, see what is on, take everything off."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gatebench.cli import completing

if TYPE_CHECKING:
    from gatebench.errors import Problem
    from gatebench.execution.desk_state import DeskState
    from gatebench.plan import PlannedFault

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
        rows.append({"name": engine, "kind": "engine", "lives": True, "faults": _on_engine(engine, allow_remote or [])})
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
        _inject_there(order, engine, allow_remote or [], problems, as_json=as_json)
        return
    desk = _desk(within, problems)
    windows = single_fault(order, desk, problems)
    _stop_if(problems, as_json=as_json)
    assert desk is not None  # noqa: S101 - it would be a problem
    note("inject", fault=fault, on=on, lasting=lasting, settings=settings or [], topology=desk.name)
    with _taken_back(desk) as ticket:
        answer = _ordered(desk, windows, ticket, as_json=as_json)
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
    desk = _desk(within, problems)
    windows = whole_plan(plan, lasting, seed, desk, problems)
    _stop_if(problems, as_json=as_json)
    assert desk is not None  # noqa: S101 - it would be a problem
    note("run", plan=plan, seed=seed, topology=desk.name)
    if not as_json:
        say.out().print(*timeline(windows, max(fault.end_ns for fault in windows)), sep="\n")
    with _taken_back(desk) as ticket:
        rows = _ordered(desk, windows, ticket, as_json=as_json)["faults"]
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


def _desk(name: str | None, problems: list[Problem]) -> DeskState | None:
    """Return the run or topology that is meant."""
    from gatebench.errors import Problem
    from gatebench.execution.desk_state import desks

    there = [desk for desk in desks() if desk.lives]
    chosen = [desk for desk in there if name in (None, desk.name)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(desk.name for desk in there)
    if not there:
        what, cure = (
            "nothing runs or stands here.",
            "Start something: bench up --target reference. Or name a Toxiproxy: --engine URL.",
        )
    elif name is None:
        what, cure = "several run or stand here.", f"Name one: {names}."
    else:
        what, cure = "nothing of this name runs or stands.", f"There is: {names}."
    problems.append(Problem("--in" if name is None else f"--in {name}", what, cure))
    return None


def _stop_if(problems: list[Problem], *, as_json: bool) -> None:
    if problems:
        _refuse([str(problem) for problem in dict.fromkeys(problems)], problems, as_json=as_json)


def _refuse(sentences: list[str], problems: list[Problem], *, as_json: bool) -> NoReturn:
    from gatebench.cli import say

    say.problems(problems)
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.chaos/1", "exit_code": 2, "problems": sentences}) + "\n")
    raise typer.Exit(2)


@contextlib.contextmanager
def _taken_back(desk: DeskState) -> Iterator[str]:
    """Yield a ticket; should somebody interrupt us, what was ordered under it is cleared before we go."""
    import secrets

    from gatebench.execution.desk_client import ask, note

    def interrupted(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    ticket = secrets.token_hex(8)
    try:
        yield ticket
    except KeyboardInterrupt:
        cleared = ask(desk, {"op": "clear", "ticket": ticket}).get("cleared", [])
        note("interrupted", topology=desk.name, cleared=cleared)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _ordered(desk: DeskState, windows: list[PlannedFault], ticket: str, *, as_json: bool) -> dict[str, Any]:
    """Hand the faults to the desk; what it has against them is a refusal like any other."""
    from gatebench.errors import Problem
    from gatebench.execution.desk_client import ask, note

    faults = [fault.model_dump(mode="json") for fault in windows]
    answer = ask(desk, {"op": "inject", "faults": faults, "ticket": ticket})
    if "problems" in answer:
        note("refused", topology=desk.name, problems=answer["problems"])
        problems = [Problem(desk.name, text, "") for text in answer["problems"]]
        _refuse(answer["problems"], problems, as_json=as_json)
    return answer


def _inject_there(order: Any, url: str, allow_remote: list[str], problems: list[Problem], *, as_json: bool) -> None:
    """Put a fault on a proxy of ours at a server that somebody else runs."""
    from gatebench.cli import say
    from gatebench.errors import ConfigurationError
    from gatebench.execution.desk_client import note
    from gatebench.execution.foreign import apply, engine_at
    from gatebench.execution.ordering import foreign_fault, single_fault

    there, fault = None, None
    try:
        there = engine_at(url, allow_remote)
        fault = foreign_fault(order, there, problems)
    except ConfigurationError as error:
        if there is None:
            single_fault(order, None, problems)
        problems.extend(error.problems)
    _stop_if(problems, as_json=as_json)
    assert there is not None and fault is not None  # noqa: S101 - it would be a problem
    note("inject", fault=order.fault, on=order.on, lasting=order.lasting, engine=url)
    apply(fault, there, allow_remote)
    ends_unix = time.time() + (fault.end_ns - fault.start_ns) / 1e9
    if as_json:
        row = {"id": fault.id, "name": fault.name, "on": fault.on, "state": "on", "proven": None, "to_unix": ends_unix}
        sys.stdout.write(json.dumps({"schema": "gatebench.chaos/1", "faults": [row]}) + "\n")
        return
    ends = time.strftime("%H:%M:%S", time.localtime(ends_unix))
    say.out().print(
        f"{fault.name} on {fault.on} is on until {ends}; the server acknowledged it, and no canary of ours passes there, so that nobody "
        "proved it",
        markup=False,
        soft_wrap=True,
    )


def _on_engine(url: str, allow_remote: list[str]) -> list[dict[str, Any]]:
    """Return what is on our proxies of somebody's server; since when and until when, nobody there knows."""
    from gatebench.execution.foreign import engine_at

    rows = []
    for link, found in engine_at(url, allow_remote).state().items():
        for toxic in found.toxics:
            parameters = {**toxic.attributes, "toxicity": toxic.toxicity}
            rows.append(
                {
                    "id": toxic.name,
                    "name": toxic.type,
                    "on": link,
                    "state": "on",
                    "parameters": parameters,
                    "proven": None,
                }
            )
        if not found.enabled:
            rows.append({"id": "", "name": "link-down", "on": link, "state": "on", "parameters": {}, "proven": None})
    return rows


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
