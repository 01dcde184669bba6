"""The three ways to gate: runs that are made now, runs that are there, files of pytest-benchmark."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gatebench.cli import gate_view
from gatebench.cli.options import headers
from gatebench.cli.requests import redacted, writable
from gatebench.content import Content
from gatebench.errors import Problem
from gatebench.experiment.gate_order import Wanted
from gatebench.experiment.gate_table import read_table

if TYPE_CHECKING:
    from gatebench.comparing.gated import Gated
    from gatebench.experiment.gate import Prepared


@dataclass(frozen=True)
class Given:
    """The command line; `wanted` is what concerns runs that are to be made."""

    candidates: list[Path]
    baseline: list[str]
    benchmarks: list[str]
    tolerance: list[str]
    wanted: Wanted
    header: list[str]
    out: Path
    dry_run: bool
    quiet: bool


def decide(given: Given, problems: list[Problem]) -> Gated | Prepared | None:
    """Return what the gate found, or what it would do in a dry run; None when `problems` say why there is nothing."""
    _one_way(given, problems)
    if given.benchmarks:
        return _benchmarks(given, problems)
    if given.candidates or given.baseline:
        return _stored(given, problems)
    return _live(given, problems)


def _one_way(given: Given, problems: list[Problem]) -> None:
    """Refuse what belongs to different ways to gate."""
    there = bool(given.candidates or given.baseline or given.benchmarks)
    live = given.wanted.named()
    if there and live:
        cure = "Leave them out; or leave --baseline out, to have new runs made."
        problems.append(Problem(", ".join(live), "is for runs that are to be made, not for what is there.", cure))
    if there and given.dry_run:
        problems.append(Problem("--dry-run", "is for runs that are to be made.", "Leave it out: nothing is started."))
    if there and not given.baseline:
        cure = "Add --baseline NAME or RUN (`bench baseline list` lists the names), or --baseline OLD.json."
        problems.append(Problem("--baseline", "is missing: there is nothing to compare with.", cure))
    if given.baseline and not (given.candidates or given.benchmarks):
        cure = "Name run folders or an experiment's folder, or --pytest-benchmark NEW.json."
        problems.append(Problem("CANDIDATE", "is missing: there is nothing to judge.", cure))
    if given.benchmarks and given.candidates:
        cure = "Name the files with --pytest-benchmark and --baseline alone."
        problems.append(Problem(str(given.candidates[0]), "has no place beside --pytest-benchmark.", cure))


def _benchmarks(given: Given, problems: list[Problem]) -> Gated | None:
    from gatebench.experiment import benchmarks

    new, old = [Path(name) for name in given.benchmarks], [Path(name) for name in given.baseline]
    terms = benchmarks.read_terms(given.tolerance, problems)
    benchmarks.refuse_alike(new, old, problems)
    heads = benchmarks.read_sessions("--pytest-benchmark", new, problems)
    bases = benchmarks.read_sessions("--baseline", old, problems)
    if heads and bases:
        benchmarks.refuse_unknown(terms, [*heads, *bases], problems)
    return None if problems else benchmarks.judge_benchmarks(heads, bases, terms, redacted(sys.argv))


def _stored(given: Given, problems: list[Problem]) -> Gated | None:
    from gatebench.experiment.stored_gate import judge_stored, read_groups

    workspace = Content().workspace
    table = read_table(workspace, problems)
    if problems:
        return None
    groups = read_groups(
        given.candidates,
        given.baseline,
        workspace,
        command_line=given.tolerance,
        table=table.terms(),
        problems=problems,
    )
    return judge_stored(groups, redacted(sys.argv)) if groups is not None else None


def _live(given: Given, problems: list[Problem]) -> Gated | Prepared | None:
    from gatebench.experiment.gate import play_gate, prepare
    from gatebench.experiment.gate_order import order, read_wanted
    from gatebench.experiment.making import Making, heeding_signals
    from gatebench.experiment.record import ExperimentFolder
    from gatebench.experiment.sides import standing_sides
    from gatebench.experiment.tolerances import Said

    workspace = Content().workspace
    sent = headers(given.header, problems)
    table = read_table(workspace, problems)
    asked = read_wanted(given.wanted, table, workspace, problems)
    if asked is None or problems:
        Said(given.tolerance).read(None, False, problems)
        return None
    with (
        heeding_signals(series=True) as calm,
        standing_sides(asked.base, asked.head, asked.scenario, workspace, problems, on_teardown=calm) as sides,
    ):
        prepared = prepare(order(asked, sides, given.tolerance), workspace, problems)
        if given.dry_run and not problems:
            return prepared
        writable(given.out, problems)
        if prepared is None or problems:
            return None
        quiet = given.quiet
        making = Making(redacted(sys.argv), partial(gate_view.watcher, quiet=quiet), sent, workspace)
        folder = ExperimentFolder.create(given.out, "gate", asked.scenario)
        told = gate_view.Told(quiet=quiet)
        told.sides(prepared)
        return play_gate(prepared, folder, making, told.round, lambda: sides.build(folder.path / "logs", told.step))
