"""`bench gate`: is head worse than base? In turn on this machine, on stored runs, or on files of pytest-benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatebench.cli import completing
from gatebench.errors import Problem


def gate(
    candidates: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[CANDIDATE]...", help="Run or experiment folders, judged against --baseline."),
    ] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", autocompletion=completing.scenarios, help="What both are asked.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", autocompletion=completing.targets, help="Head: what is judged."),
    ] = None,
    baseline_target: Annotated[
        str | None,
        typer.Option(autocompletion=completing.targets, help="Base: what it is judged against; else --target's."),
    ] = None,
    base_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Of the target: a folder, image:NAME, a URL, or a git ref of this repository."
        ),
    ] = None,
    head_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The same for head; without it, as it stands here.")
    ] = None,
    baseline: Annotated[
        list[str] | None, typer.Option(metavar="NAME|RUN", help="Stored: a saved baseline, or run folders.")
    ] = None,
    pytest_benchmark: Annotated[
        list[str] | None,
        typer.Option(metavar="NEW.json", help="Files of pytest-benchmark; --baseline has the old ones."),
    ] = None,
    pairs: Annotated[int | None, typer.Option(help="At most so many pairs of runs; default 24.")] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC[@PHASE]=AMOUNT", help="What may change: p95=5%, p95@fault=10%, error_share=0.5pp."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first pair; each further one adds 1.")] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of head, or one of the scenario.")
    ] = None,
    base_settings: Annotated[
        list[str] | None, typer.Option("--base-set", metavar="KEY=VALUE", help="A setting of base.")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="Move the load's peak, as in 200/s; its shape stays.")] = None,
    time_scale: Annotated[float, typer.Option(help="Stretch or shorten the phases.")] = 1.0,
    engine: Annotated[str, typer.Option(help="Toxiproxy: auto, embedded, toxiproxy, or its URL.")] = "auto",
    workers: Annotated[int, typer.Option(help="Load processes that share one schedule.")] = 1,
    header: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="As of `bench run`.")] = None,
    allow_remote: Annotated[list[str] | None, typer.Option(metavar="HOST", help="As of `bench run`.")] = None,
    fixed: Annotated[bool, typer.Option("--fixed", help="Make all pairs, even when it is known before.")] = False,
    out: Annotated[Path, typer.Option(help="Folder that receives the experiment's folder.")] = Path("runs"),
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary for a pull request.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the plan, start nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Judge whether head is worse than base: 0 no, 1 yes, 4 the data cannot tell.

    bench gate --scenario smoke --target my-gateway --base-version main

    bench gate --scenario smoke --target my-gateway --baseline-target nginx --tolerance p95=10%

    bench gate runs/20261121T041133Z-rounds-smoke --baseline accepted

    bench gate --pytest-benchmark new.json --baseline old.json
    """
    from gatebench.cli.gate_output import export, refuse, show, writable
    from gatebench.cli.gate_ways import Given, decide
    from gatebench.cli.options import commas
    from gatebench.cli.options import pairs as settings_of
    from gatebench.comparing.gated import Gated
    from gatebench.experiment.gate_order import Wanted

    problems: list[Problem] = []
    given = Given(
        candidates=candidates or [],
        baseline=commas(baseline or []),
        benchmarks=commas(pytest_benchmark or []),
        tolerance=commas(tolerance or []),
        wanted=Wanted(
            scenario=scenario,
            target=target,
            baseline_target=baseline_target,
            base_version=base_version,
            head_version=head_version,
            pairs=pairs,
            seed=seed,
            settings=settings_of("--set", settings or [], problems),
            base_settings=settings_of("--base-set", base_settings or [], problems),
            fixed=fixed,
            options={
                "rate": rate,
                "time_scale": time_scale,
                "engine": engine,
                "workers": workers,
                "allow_remote": tuple(commas(allow_remote or [])),
            },
        ),
        header=header or [],
        out=out,
        dry_run=dry_run,
        quiet=quiet,
    )
    if problems:
        refuse(problems, as_json=as_json)
    for path in (junit, markdown):
        if path is not None:
            writable(path, problems)
    found = decide(given, problems)
    if problems or found is None:
        refuse(problems, as_json=as_json)
    if not isinstance(found, Gated):
        show(found, as_json=as_json)
        return
    export(found, junit=junit, markdown_=markdown, as_json=as_json)
    raise typer.Exit(found.code)
