"""`bench compare`: targets in turn on this machine, or runs that were made before; what differs, and what the rounds show."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gatebench.cli import completing
from gatebench.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from gatebench.cli.requests import Wanted
    from gatebench.plan import Plan

DEFAULT_SEED = 1
DEFAULT_ROUNDS = 10
NULL_TARGET = "direct"


def compare(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Runs or experiments that were made before; each target is a side."),
    ] = None,
    base: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="A run or experiment of the side to compare with; repeat it."),
    ] = None,
    head: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="A run or experiment of the other side; repeat it.")
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario", "-s", autocompletion=completing.scenarios, help="What to run; repeat it or use commas."
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", "-t", autocompletion=completing.targets, help="What to compare, the first with each other one."
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            autocompletion=completing.suites, help="Scenarios that belong together, and a matrix of what they answer."
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Pairs of each scenario; 10 unless told, 1 of a suite.")] = None,
    seed: Annotated[int, typer.Option(help="Of the first pair; each further one adds 1.")] = DEFAULT_SEED,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the targets, as in `bench run`."),
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Send a header; VALUE may be env:VARIABLE or @FILE.")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Move the load's peak, as in 200/s.")] = None,
    time_scale: Annotated[float, typer.Option(help="Stretch or shorten the phases.")] = 1.0,
    engine: Annotated[str, typer.Option(help="Toxiproxy: auto, embedded, toxiproxy, or its URL.")] = "auto",
    allow_remote: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Allow load and faults to leave this machine for HOST.")
    ] = None,
    no_floor: Annotated[bool, typer.Option("--no-floor", help="Do not drive the null target first.")] = False,
    out: Annotated[Path, typer.Option(help="Folder that receives the experiment.")] = Path("runs"),
    report_to: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help="Write the report to this file as well.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, print the plan, send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Compare targets over rounds, or runs that exist: medians, intervals between rounds, and what is shown to differ.

    bench compare --scenario smoke --target reference,nginx --rounds 5

    bench compare --suite resilience --target all

    bench compare --base runs/A1 --base runs/A2 --head runs/B1 --head runs/B2

    bench compare runs/20261121T160000Z-rounds-smoke runs/20261121T170000Z-rounds-smoke
    """
    from gatebench.cli.requests import wanted, writable

    problems: list[Problem] = []
    playing = bool(scenario or suite or target or rounds is not None)
    reading = bool(runs or base or head)
    if playing and reading:
        cure = "Name runs that exist, or --scenario (--suite) and --target for new ones."
        problems.append(Problem("RUN", "cannot be combined with --scenario, --suite, --target or --rounds.", cure))
    if scenario and suite:
        cure = "Give one of the two; a suite of your own is a TOML file in scenarios/."
        problems.append(Problem(f"--suite {suite}", "cannot be combined with --scenario.", cure))
    elif not playing and not reading:
        cure = "Name runs that exist, or give --scenario and --target; `bench compare --help` shows examples."
        problems.append(Problem("bench compare", "was given nothing to compare.", cure))
    if report_to is not None and not report_to.resolve().parent.is_dir():
        problems.append(Problem(f"-o {report_to}", "its folder does not exist.", "Make it, or choose another one."))
    if reading and not playing:
        writable(out, problems)
        code = _stored(runs or [], base or [], head or [], out, report_to, problems, as_json=as_json)
        raise typer.Exit(code)
    pairs = (1 if suite else DEFAULT_ROUNDS) if rounds is None else rounds
    if pairs < 1:
        problems.append(Problem(f"--rounds {pairs}", "is none.", "Ask for one round at least."))
    if not playing:
        refuse(problems, as_json=as_json)
    from gatebench.cli.suites import find_suite, not_applicable

    loaded = find_suite(suite, problems)
    asked = wanted(
        scenario or ([entry.name for entry in loaded.scenario] if loaded else []),
        target or [],
        {"seed": seed, "rate": rate, "time_scale": time_scale, "engine": engine},
        problems,
        settings=settings or [],
        header=header or [],
        allow_remote=allow_remote or [],
        suite=None if scenario else loaded,
        named=None if suite else "--scenario",
        others_go_on=True,
    )
    if len(asked.targets) == 1:
        cure = "Name two at least, or use `bench run --rounds`."
        problems.append(Problem(f"--target {asked.targets[0]}", "is one side only.", cure))
    if problems:
        refuse(problems, as_json=as_json)
    floor, notes = ({}, []) if no_floor or loaded else _floor(asked)
    notes += [f"{name} is left out: it {why}" for name, why in {**asked.left_out, **asked.absent}.items()]
    idle = not_applicable(asked, loaded) if loaded else {}
    if dry_run:
        _show(asked, pairs, floor, notes, idle, as_json=as_json)
        return
    writable(out, problems)
    if problems:
        refuse(problems, as_json=as_json)
    from gatebench.cli.rounds import Rounds

    order = Rounds(
        "compare", pairs, seed, out, quiet, as_json, report_to, tuple(notes), floor, loaded, idle, suite or ""
    )
    raise typer.Exit(order.make(asked))


def _floor(asked: Wanted) -> tuple[dict[str, Plan], list[str]]:
    """Return the null target's plan of each scenario; a note for each that cannot be planned on it."""
    from dataclasses import replace

    from gatebench.cli.requests import planned

    if NULL_TARGET in asked.targets:
        return {}, []
    plans, notes = {}, []
    for scenario in asked.scenarios:
        first = asked.requests[scenario, asked.targets[0]]
        kept = {key: value for key, value in first.settings.items() if key not in first.target_settings()}
        request = replace(first, target=NULL_TARGET, settings=kept)
        try:
            plan = planned(request, asked.content)
        except ConfigurationError as error:
            why = str(error.problems[0]) if error.problems else str(error)
            notes.append(f"No noise floor for {scenario}: it cannot be planned on the null target ({why}).")
            continue
        plans[Path(scenario).stem if scenario.endswith(".py") else scenario] = plan
    return plans, notes


def _stored(
    runs: list[Path],
    base: list[Path],
    head: list[Path],
    out: Path,
    report_to: Path | None,
    problems: list[Problem],
    *,
    as_json: bool,
) -> int:
    """Compare runs that exist: they become an experiment of their own, whose report leads to theirs."""
    from gatebench.analysis.comparison.alike import refusals
    from gatebench.cli.requests import redacted
    from gatebench.cli.rounds import show
    from gatebench.experiment.comparing import conclude, material
    from gatebench.experiment.groups import found, given, record_facts
    from gatebench.experiment.record import ExperimentFolder

    if (base or head) and (runs or not (base and head)):
        cure = "Give both --base and --head, and no further RUN."
        problems.append(Problem("--base, --head", "are two sides, and every run belongs to one of them.", cure))
        refuse(problems, as_json=as_json)
    groups = given([("base", base), ("head", head)], problems) if base or head else found(runs, problems)
    if problems:
        refuse(problems, as_json=as_json)
    folder = ExperimentFolder.create(out, "compare", "runs")
    record = folder.new_record("compare", redacted(sys.argv), status="finished", **record_facts(groups, folder))
    problems += refusals(material(folder, record))
    if problems:
        (folder.path / "experiment.json").unlink()
        folder.path.rmdir()
        refuse(problems, as_json=as_json)
    result = conclude(folder, record)
    show(result, folder, result.verdict.exit_code, as_json=as_json, report_to=report_to)
    return result.verdict.exit_code


def _show(
    asked: Wanted,
    pairs: int,
    floor: dict[str, Plan],
    notes: list[str],
    idle: dict[str, dict[str, str]],
    *,
    as_json: bool,
) -> None:
    """Print what would be played, and how long the load alone takes."""
    from gatebench.cli import say
    from gatebench.comparing.order import turned

    played = [plan for (scenario, target), plan in asked.plans.items() if target not in idle.get(scenario, {})]
    load_s = sum(plan.load.duration_ns for plan in played) * pairs / 1e9
    load_s += sum(plan.load.duration_ns for plan in floor.values()) / 1e9
    if as_json:
        document = {
            "schema": "gatebench.plans/1",
            "pairs": pairs,
            "load_s": load_s,
            "floor": sorted(floor),
            "notes": notes,
            "not_applicable": idle,
            "plans": [plan.model_dump(mode="json") for plan in played],
        }
        sys.stdout.write(json.dumps(document) + "\n")
        return
    console = say.out()
    for scenario in asked.scenarios:
        names = [name for name in asked.targets if name not in idle.get(scenario, {})]
        turn = " | ".join(" ".join(reversed(names) if turned(pair) else names) for pair in range(min(pairs, 4)))
        first = "direct | " if Path(scenario).stem in floor or scenario in floor else ""
        console.print(f"{scenario}: {first}{turn}{' | …' if pairs > 4 else ''}", markup=False)
    count = len(played) * pairs + len(floor)
    console.print(f"{count} runs, {load_s / 60:.1f} min of load; starting and reading come on top", markup=False)
    for note in notes:
        console.print(f"! {note}", markup=False)


def refuse(problems: list[Problem], *, as_json: bool) -> NoReturn:
    """Say every problem, in JSON too, and end with exit code 2."""
    from gatebench.cli import say

    say.problems(problems)
    if as_json:
        sentences = [str(problem) for problem in dict.fromkeys(problems)]
        document = {"schema": "gatebench.comparison/1", "exit_code": 2, "problems": sentences}
        sys.stdout.write(json.dumps(document) + "\n")
    raise typer.Exit(2)
