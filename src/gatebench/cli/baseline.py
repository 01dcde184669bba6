"""`bench baseline`: keep the rounds that later gates compare with, in a folder that goes into git."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gatebench.errors import Problem

if TYPE_CHECKING:
    from gatebench.experiment.baselines import Baseline

baseline = typer.Typer(no_args_is_help=True, help="Keep rounds that later gates compare with: save, list, promote, rm.")

_RUNS = typer.Argument(metavar="RUN", help="Run folders or experiments; one scenario on one target.")
_TARGET = typer.Option("--target", "-t", help="Of an experiment with several sides, the one to keep.")
_SCENARIO = typer.Option("--scenario", "-s", help="Of an experiment with several scenarios, the one to keep.")
_JSON = typer.Option("--json", help="Print one JSON document on stdout.")


@baseline.command("save")
def save(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name, which is that of its folder below baselines/.")
    ],
    runs: Annotated[list[Path], _RUNS],
    target: Annotated[str | None, _TARGET] = None,
    scenario: Annotated[str | None, _SCENARIO] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=AMOUNT", help="What a gate may let pass, as in p95=5%; kept with the baseline."),
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Keep the valid rounds of runs or experiments under a name.

    bench baseline save main runs/20261121T160000Z-rounds-smoke --tolerance p95=5%
    """
    from gatebench.experiment import baselines

    problems: list[Problem] = []
    wrong = baselines.name_problem(name)
    if wrong is not None:
        problems.append(wrong)
    elif name in baselines.names(_workspace()):
        cure = f"`bench baseline promote {name} EXPERIMENT` replaces it, `bench baseline rm {name}` deletes it."
        problems.append(Problem(f"NAME {name}", "is a baseline already.", cure))
    kept = _tolerances(tolerance or [], problems)
    taken = baselines.take(runs, problems, target=target, scenario=scenario)
    if problems or taken is None:
        _refuse(problems, as_json=as_json)
    _say(name, baselines.save(name, taken, _workspace(), kept), len(taken), as_json=as_json)


@baseline.command("list")
def list_(as_json: Annotated[bool, _JSON] = False) -> None:
    """List the baselines of this workspace."""
    from gatebench.experiment import baselines

    problems: list[Problem] = []
    found = [baselines.load_baseline(name, _workspace(), problems) for name in baselines.names(_workspace())]
    there = [one for one in found if one is not None]
    if as_json:
        _write(
            {
                "schema": "gatebench.baselines/1",
                "baselines": [_facts(one) for one in there],
                "problems": _texts(problems),
            }
        )
    else:
        _print(there, problems)
    raise typer.Exit(2 if problems else 0)


@baseline.command("promote")
def promote(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The baseline that is replaced.")],
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT", help="The experiment whose rounds take its place.")
    ],
    target: Annotated[str | None, _TARGET] = None,
    accept_regression: Annotated[
        bool, typer.Option("--accept-regression", help="Also when the gate that made these rounds did not pass.")
    ] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Replace a baseline by the rounds of an experiment, its tolerances kept: the last side of a gate unless --target says.

    bench baseline promote main runs/20261121T160000Z-gate-smoke
    """
    from gatebench.experiment import baselines
    from gatebench.experiment.stored import is_experiment, read_experiment

    problems: list[Problem] = []
    old = baselines.load_baseline(name, _workspace(), problems) if name in baselines.names(_workspace()) else None
    if old is None and not problems:
        known = ", ".join(baselines.names(_workspace())) or "none yet"
        cure = f"`bench baseline save {name}` makes one; there are: {known}."
        problems.append(Problem(f"NAME {name}", "is no baseline.", cure))
    record = read_experiment(experiment, problems) if is_experiment(experiment) else None
    if record is not None:
        target = target or record.sides[-1].label
        code = record.result.get("exit_code")
        if record.kind == "gate" and code not in {0, None} and not accept_regression:
            cure = "Look at its report; --accept-regression promotes it all the same."
            problems.append(Problem(str(experiment), f"is a gate that ended with exit code {code}.", cure))
    elif not is_experiment(experiment):
        cure = "Name the folder of an experiment; `bench baseline save` takes single runs."
        problems.append(Problem(str(experiment), "holds no experiment.json.", cure))
    scenario = old.kept.scenario if old is not None else None
    taken = baselines.take([experiment], problems, target=target, scenario=scenario) if record is not None else None
    if problems or taken is None or old is None:
        _refuse(problems, as_json=as_json)
    _say(name, baselines.save(name, taken, _workspace(), old.kept.tolerances), len(taken), as_json=as_json)


@baseline.command("rm")
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The baselines that are deleted.")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Delete baselines of this workspace."""
    from gatebench.experiment import baselines

    there = baselines.names(_workspace())
    cure = f"There are: {', '.join(there) or 'none yet'}."
    problems = [Problem(f"NAME {name}", "is no baseline.", cure) for name in names if name not in there]
    if problems:
        _refuse(problems, as_json=as_json)
    for name in dict.fromkeys(names):
        baselines.remove(name, _workspace())
    if as_json:
        _write({"schema": "gatebench.baselines/1", "removed": list(dict.fromkeys(names))})


def _tolerances(texts: list[str], problems: list[Problem]) -> list[str]:
    """Return tolerances as a gate writes them; what is wrong with them goes to `problems`."""
    from gatebench.analysis.metrics import metrics
    from gatebench.cli.options import commas
    from gatebench.comparing.tolerance import parse

    if not texts:
        return []
    units = {name: entry.unit for name, entry in metrics().items()}
    parsed = [parse(text, units, "--tolerance", problems) for text in commas(texts)]
    return [str(one) for one in parsed if one is not None]


def _workspace() -> Path:
    from gatebench.content import Content

    return Content().workspace


def _facts(one: Baseline) -> dict[str, object]:
    seeds = [summary.seed for summary in one.summaries]
    return {
        "name": one.name,
        "created": one.record.created,
        "rounds": len(seeds),
        "seeds": seeds,
    } | one.kept.model_dump()


def _print(there: list[Baseline], problems: list[Problem]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from gatebench.cli import say

    console = say.out()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("baseline", "scenario", "target", "rounds", "saved", "tolerances"):
        table.add_column(title, justify="right" if title == "rounds" else "left")
    for one in there:
        kept = one.kept
        told = ", ".join(kept.tolerances) or "the gate's own"
        words = (one.name, kept.scenario, kept.target, str(len(one.summaries)), one.record.created[:10], told)
        table.add_row(*(escape(word) for word in words))
    if there:
        console.print(table)
    elif not problems:
        console.print("no baselines yet; `bench baseline save NAME RUN...` makes one", markup=False)
    if problems:
        err = say.err()
        for problem in problems:
            err.print(f"• {problem}", markup=False)


def _say(name: str, path: Path, rounds: int, *, as_json: bool) -> None:
    from gatebench.cli import say

    if as_json:
        _write({"schema": "gatebench.baselines/1", "saved": name, "rounds": rounds, "folder": str(path)})
        return
    noun = "round" if rounds == 1 else "rounds"
    console = say.out()
    console.print(f"{name}: {rounds} {noun}", markup=False)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    console.print(f"folder  {shown}", soft_wrap=True, markup=False)


def _texts(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in dict.fromkeys(problems)]


def _write(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")


def _refuse(problems: list[Problem], *, as_json: bool) -> NoReturn:
    from gatebench.cli import say

    say.problems(problems)
    if as_json:
        _write({"schema": "gatebench.baselines/1", "exit_code": 2, "problems": _texts(problems)})
    raise typer.Exit(2)
