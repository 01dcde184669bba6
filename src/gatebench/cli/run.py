"""`bench run`: plan every run first, then make them one after the other, and say what came of it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gatebench.cli import completing
from gatebench.cli.requests import redacted, wanted, writable
from gatebench.errors import ConfigurationError, EnvironmentFailure, Problem

if TYPE_CHECKING:
    from gatebench.execution.runner import Watcher
    from gatebench.experiment.making import Making
    from gatebench.plan import Plan
    from gatebench.run.summary import Summary

DEFAULT_SEED = 1
_ORDER = (130, 2, 5, 3, 1, 4, 0)


def run(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCENARIO",
            autocompletion=completing.scenarios,
            help="What to run; `bench ls scenarios` lists them. Or the path of a locustfile, FILE.py.",
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            autocompletion=completing.suites, help="Run the scenarios of a suite; `bench ls suites` lists them."
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            autocompletion=completing.targets,
            help="NAME, NAME:PROFILE, http(s)://HOST:PORT, unix:PATH or up:NAME; repeat it or use commas.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes arrivals, prompts and service times.")] = DEFAULT_SEED,
    rate: Annotated[str | None, typer.Option(help="Move the load's peak, as in 200/s; its shape stays.")] = None,
    time_scale: Annotated[float, typer.Option(help="Stretch or shorten the phases.")] = 1.0,
    engine: Annotated[
        str, typer.Option(help="Toxiproxy: auto, embedded, toxiproxy (a real server), or its URL.")
    ] = "auto",
    workers: Annotated[int, typer.Option(help="Load processes that share one schedule.")] = 1,
    remote_workers: Annotated[
        int, typer.Option(help="Load workers on other machines that join in (`bench worker`), besides --workers.")
    ] = 0,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where they join; HOST also carries the link to the target for them."),
    ] = None,
    join_within: Annotated[str, typer.Option(help="How long remote workers are waited for.")] = "2m",
    users: Annotated[int | None, typer.Option(help="Of a locustfile: how many users.")] = None,
    spawn_rate: Annotated[float | None, typer.Option(help="Of a locustfile: users started a second.")] = None,
    run_time: Annotated[str | None, typer.Option(help="Of a locustfile: how long, as in 30s.")] = None,
    rounds: Annotated[
        int, typer.Option(help="Make each run so many times, each with a seed of its own, the targets in turn.")
    ] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of the target, or fault=NAME, or objective.response_ms=N."
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Send a header; VALUE may be env:VARIABLE or @FILE, which keeps keys off this line.",
        ),
    ] = None,
    tls_ca: Annotated[
        str | None, typer.Option(metavar="FILE", help="CA certificate (PEM) of an https:// target.")
    ] = None,
    tls_server_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name to ask for and to verify, when it is not the URL's host.")
    ] = None,
    tls_no_verify: Annotated[bool, typer.Option("--tls-no-verify", help="Do not verify the certificate.")] = False,
    allow_remote: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Allow load and faults to leave this machine for HOST.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="PATH_OR_URL",
            help="Where a running gateway tells Prometheus of itself, as in /metrics; none: read no page.",
        ),
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="After the load, ask this Prometheus what it saw of the target.")
    ] = None,
    prometheus_match: Annotated[
        str | None, typer.Option(metavar="SELECTOR", help="Which series; by default those of the target's address.")
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(metavar="127.0.0.1:PORT", help="Show live figures there for a Prometheus to scrape meanwhile."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that receives the run folders.")] = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, print the plan, send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Run scenarios against targets: start, load, break, heal, report.

    bench run failover-outage --target reference

    bench run smoke failover-outage --target reference,nginx --engine toxiproxy

    bench run smoke --target http://127.0.0.1:8080 --header authorization=env:GATEWAY_KEY

    bench run my_locustfile.py --target http://127.0.0.1:8080 --users 10 --spawn-rate 5 --run-time 30s
    """
    from gatebench.cli.exporting import export_place
    from gatebench.cli.inviting import invitation
    from gatebench.cli.suites import find_suite
    from gatebench.experiment.making import Making

    problems: list[Problem] = []
    loaded = find_suite(suite, problems)
    if scenarios and suite:
        cure = "Give one of the two; a suite of your own is a TOML file in scenarios/."
        problems.append(Problem(f"--suite {suite}", "cannot be combined with SCENARIO.", cure))
        loaded = None
    asked = wanted(
        scenarios or ([entry.name for entry in loaded.scenario] if loaded else []),
        target or [],
        {
            "seed": seed,
            "rate": rate,
            "time_scale": time_scale,
            "engine": engine,
            "workers": workers,
            "tls_ca": tls_ca,
            "tls_server_name": tls_server_name,
            "tls_verify": not tls_no_verify,
            "remote_workers": remote_workers,
            "listen": listen,
            "join_within": join_within,
            "users": users,
            "spawn_rate": spawn_rate,
            "run_time": run_time,
            "metrics": metrics,
            "prometheus": prometheus,
            "prometheus_match": prometheus_match,
        },
        problems,
        settings=settings or [],
        header=header or [],
        allow_remote=allow_remote or [],
        suite=loaded,
        named=None if suite else "SCENARIO",
    )
    plans, sent_headers, content = list(asked.plans.values()), asked.headers, asked.content
    place = export_place(export, problems) if export is not None else None
    if rounds < 1:
        problems.append(Problem(f"--rounds {rounds}", "is none.", "Ask for one round at least."))
    if rounds > 1 and remote_workers:
        cure = "Leave one of the two out: a remote worker joins one run."
        problems.append(Problem(f"--rounds {rounds}", "cannot be combined with --remote-workers.", cure))
    if problems:
        _refuse(problems, as_json=as_json)
    if dry_run:
        _show(plans, as_json=as_json)
        return
    writable(out, problems)
    token = invitation(plans, {name for plan in plans for name in plan.headers} | set(sent_headers), problems)
    if problems:
        _refuse(problems, as_json=as_json)
    with _watching(place, quiet=quiet, as_json=as_json) as watch:
        if rounds > 1:
            from gatebench.cli.rounds import Rounds

            order = Rounds("rounds", rounds, seed, out, quiet=quiet, as_json=as_json, watch=watch)
            raise typer.Exit(order.make(asked))
        making = Making(redacted(sys.argv), watch, sent_headers, content.workspace, token)
        codes, summaries = _make(plans, out, making, as_json=as_json)
    code = worst(codes)
    if as_json:
        document = {
            "schema": "gatebench.results/1",
            "exit_code": code,
            "runs": [summary.model_dump(mode="json", by_alias=True) for summary in summaries],
        }
        sys.stdout.write(json.dumps(document) + "\n")
    raise typer.Exit(code)


def _show(plans: list[Plan], *, as_json: bool) -> None:
    """Print what the runs would do; in JSON with the requests that are due in each second."""
    from gatebench.cli.plot import rates_per_s
    from gatebench.cli.terminal import print_plan
    from gatebench.execution.loading import planned_schedule

    shown = []
    for plan in plans:
        due_ns = planned_schedule(plan).due_ns.tolist()
        seconds = max(1, round(plan.load.duration_ns / 1e9))
        shown.append({**plan.model_dump(mode="json"), "due_per_s": rates_per_s(due_ns, plan.load.duration_ns, seconds)})
        if not as_json:
            print_plan(plan, due_ns)
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.plans/1", "plans": shown}) + "\n")


def _refuse(problems: list[Problem], *, as_json: bool) -> NoReturn:
    from gatebench.cli import say

    say.problems(problems)
    if as_json:
        sentences = [str(problem) for problem in dict.fromkeys(problems)]
        document = {"schema": "gatebench.results/1", "exit_code": 2, "problems": sentences, "runs": []}
        sys.stdout.write(json.dumps(document) + "\n")
    raise typer.Exit(2)


@contextlib.contextmanager
def _watching(
    place: tuple[str, int] | None, *, quiet: bool, as_json: bool
) -> Iterator[Callable[[Plan], AbstractContextManager[Watcher]]]:
    """Yield what gives each run its onlooker: the progress line, and whoever scrapes at `place`."""
    from gatebench.cli.exporting import exporting
    from gatebench.cli.progress import watcher

    with contextlib.ExitStack() as stack:
        try:
            shown = stack.enter_context(exporting(place))
        except OSError as error:
            what = f"cannot be listened at any more: {error.strerror}."
            _refuse([Problem("--export", what, "Choose another port.")], as_json=as_json)
        yield shown(partial(watcher, quiet=quiet))


def _make(plans: list[Plan], out: Path, making: Making, *, as_json: bool) -> tuple[set[int], list[Summary]]:
    """Make every run; a target that fails to start does not keep the others from going on."""
    from gatebench.cli import say
    from gatebench.cli.terminal import print_summary
    from gatebench.experiment.making import make

    codes: set[int] = set()
    summaries: list[Summary] = []
    for plan in plans:
        made = make(plan, out, making)
        codes.add(made.code)
        if isinstance(made.error, ConfigurationError):
            say.problems(made.error.problems)
        elif isinstance(made.error, EnvironmentFailure):
            say.failure(made.error)
        if made.summary is not None and made.folder is not None:
            summaries.append(made.summary)
            codes.add(made.summary.exit_code)
            if not as_json:
                print_summary(made.summary, made.folder)
        elif made.folder is not None:
            say.err().print(
                f"interrupted while reading; `bench report {made.folder.path}` reads it again", markup=False
            )
        if 130 in codes:
            break
    return codes, summaries


def worst(codes: set[int]) -> int:
    """Return the exit code that counts among several runs'; 0 when there is none."""
    return next((code for code in _ORDER if code in codes), 0)
