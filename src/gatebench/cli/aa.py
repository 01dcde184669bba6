"""`bench aa`: the same build against itself, to learn what this machine's noise does to a gate."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gatebench.cli import completing
from gatebench.cli.aa_order import DEFAULT_ROUNDS, Judging, course_of, judging_of, stored, writable
from gatebench.errors import Problem

if TYPE_CHECKING:
    from gatebench.experiment.making import Made
    from gatebench.experiment.record import ExperimentFolder, ExperimentRecord, Round
    from gatebench.experiment.rounds import Course, Ended

DEFAULT_SEED = 1


def aa(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|FOLDER",
            autocompletion=completing.scenarios,
            help="What to run; or the folder of an earlier `bench aa`, which is read again without a run.",
        ),
    ],
    target: Annotated[
        str | None, typer.Option("--target", "-t", autocompletion=completing.targets, help="NAME, NAME:PROFILE or URL.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Pairs of identical rounds; each is two runs.")] = DEFAULT_ROUNDS,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC[@PHASE]=AMOUNT",
            help="As for `bench gate`, over what pyproject.toml says: p95=5%, p95@fault=10%, error_share=0.5pp.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first pair; each further one adds 1.")] = DEFAULT_SEED,
    engine: Annotated[
        str, typer.Option(help="Toxiproxy: auto, embedded, toxiproxy (a real server), or its URL.")
    ] = "auto",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the target.")
    ] = None,
    header: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="As of `bench run`.")] = None,
    allow_remote: Annotated[list[str] | None, typer.Option(metavar="HOST", help="As of `bench run`.")] = None,
    out: Annotated[Path, typer.Option(help="Folder that receives the experiment's folder.")] = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, print the plan, send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Measure what a gate is worth here: its false alarms, the noise of each number, what it can see, how long it takes.

    The gate is that of `[tool.gatebench.gate]` in pyproject.toml, or the default one.

    bench aa gate --target reference

    bench aa smoke --target mine --rounds 20 --tolerance p95=10% --tolerance error_share=0.5pp

    bench aa runs/20260101T120000Z-aa-gate
    """
    from gatebench.cli.options import headers

    problems: list[Problem] = []
    judging = judging_of(tolerance or [], problems)
    if (Path(scenario) / "experiment.json").is_file():
        folder, record = stored(Path(scenario), problems)
        judging.check(None, problems)
        _refuse_any(problems, as_json=as_json)
        raise typer.Exit(_read(folder, record, judging, as_json=as_json))
    sent = headers(header or [], problems)
    options = {"engine": engine, "settings": settings or [], "allow_remote": allow_remote or []}
    target = target or judging.table.target
    course = course_of(scenario, target, rounds, seed, options, problems)
    judging.check(None if course is None else course.plan("A", seed), problems)
    if not dry_run:
        writable(out, problems)
    _refuse_any(problems, as_json=as_json)
    if course is None:
        raise typer.Exit(2)
    if dry_run:
        _show(course, as_json=as_json)
        return
    raise typer.Exit(_measure(course, str(target), judging, sent, out, quiet=quiet, as_json=as_json))


def _refuse_any(problems: list[Problem], *, as_json: bool) -> None:
    if problems:
        _refuse(problems, as_json=as_json)


def _refuse(problems: list[Problem], *, as_json: bool) -> NoReturn:
    import json

    from gatebench.cli import say
    from gatebench.experiment.findings import AA_SCHEMA

    say.problems(problems)
    if as_json:
        sentences = [str(problem) for problem in dict.fromkeys(problems)]
        sys.stdout.write(json.dumps({"schema": AA_SCHEMA, "exit_code": 2, "problems": sentences}) + "\n")
    raise typer.Exit(2)


def _show(course: Course, *, as_json: bool) -> None:
    from gatebench.cli import say
    from gatebench.cli.run import _show as show_plans

    plan = course.plan(course.sides[0], course.seed)
    show_plans([plan], as_json=as_json)
    if not as_json:
        load_s = 2 * course.pairs * plan.load.duration_ns / 1e9
        say.out().print(
            f"  {course.pairs} pairs of identical rounds, seeds {course.seed} to {course.seed + course.pairs - 1}: "
            f"{2 * course.pairs} runs, {load_s / 60:.0f} minutes of load, and some 5 s around each"
        )


def _measure(
    course: Course, target: str, judging: Judging, sent: dict[str, str], out: Path, *, quiet: bool, as_json: bool
) -> int:
    """Make the rounds, and read what they hold."""
    from gatebench.cli.progress import watcher
    from gatebench.cli.requests import redacted
    from gatebench.content import Content
    from gatebench.experiment.making import Making
    from gatebench.experiment.record import ExperimentFolder, Side
    from gatebench.experiment.rounds import Books, play

    settings = {key: str(value) for key, value in course.plan("A", course.seed).target.settings.items()}
    folder = ExperimentFolder.create(out, "aa", course.scenario)
    record = folder.new_record(
        "aa",
        redacted(sys.argv),
        scenarios=[course.scenario],
        sides=[Side(label=side, target=target, settings=settings) for side in course.sides],
        pairs=course.pairs,
        seed=course.seed,
    )
    workspace = Content().workspace
    making = Making(record.command, partial(watcher, quiet=True), sent, workspace)
    ended = play(course, Books(folder, record, making), said=partial(_said, course, quiet=quiet))
    record.status = {0: "finished", 130: "interrupted"}.get(ended.code, "failed")  # type: ignore[assignment]  # a literal
    folder.save(record)
    if ended.code:
        return _ended(ended, folder)
    return _read(folder, record, judging, as_json=as_json)


def _ended(ended: Ended, folder: ExperimentFolder) -> int:
    from gatebench.cli import say
    from gatebench.errors import EnvironmentFailure

    if isinstance(ended.error, EnvironmentFailure):
        say.failure(ended.error)
    say.err().print(f"`bench aa {folder.path}` reads the rounds that there are", markup=False, soft_wrap=True)
    return ended.code


def _said(course: Course, one: Round, made: Made, *, quiet: bool) -> None:
    """Say one line a round."""
    from gatebench.cli import say

    if quiet:
        return
    p95 = next(
        (value.value for value in made.summary.metrics if value.name == "response_p95_ms" and value.value is not None)
        if made.summary
        else iter(()),
        None,
    )
    found = "" if p95 is None else f"p95 {p95:6.1f} ms  "
    why = "" if one.valid else f"does not count: {one.why or f'exit code {one.exit_code}'}"
    again = " (again)" if one.pair >= course.pairs else ""
    say.err().print(
        f"pair {one.pair + 1:>3}{again}  {one.side}  {found}{one.took_s:5.1f} s  {why}", markup=False, soft_wrap=True
    )


def _read(folder: ExperimentFolder, record: ExperimentRecord | None, judging: Judging, *, as_json: bool) -> int:
    """Study the rounds, print what they prove, and keep it and the noise, unless the workspace has newer."""
    import json

    from gatebench.cli import say
    from gatebench.cli.aa_tables import print_findings
    from gatebench.content import Content
    from gatebench.experiment.identical import noise_of
    from gatebench.experiment.noise import LEAST_ROUNDS, load_noise, save_noise
    from gatebench.experiment.study import study

    if record is None:
        return 2
    noise = noise_of(folder, record)
    there, asked = len(noise.pair_s), record.pairs
    try:
        findings = study(noise, judging.tolerances(noise), pairs=judging.pairs)
    except ValueError as error:
        say.err().print(f"{there} of {asked} pairs count: {error}. It takes at least {LEAST_ROUNDS}.", markup=False)
        return 3
    workspace = Content().workspace
    newer = load_noise(workspace, noise.scenario, noise.target)
    kept = save_noise(workspace, noise) if newer is None or newer.created <= noise.created else None
    record.result = findings.model_dump(mode="json", by_alias=True)
    folder.save(record)
    if as_json:
        sys.stdout.write(json.dumps(record.result) + "\n")
    else:
        print_findings(findings, folder.path, kept)
    if there < asked:
        say.err().print(f"{there} of the {asked} pairs that were asked for count.", markup=False)
        return 3
    return 1 if findings.refuted else 0
