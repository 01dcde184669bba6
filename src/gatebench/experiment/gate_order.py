"""From what somebody asked for to a gate's order: the scenario, the two versions, the settings of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gatebench.comparing.looks import DEFAULT_PAIRS
from gatebench.content import Content
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.asking import RunRequest
from gatebench.experiment.gate import BASE, HEAD, Order
from gatebench.experiment.gate_table import WHERE, GateTable
from gatebench.experiment.sides import Sides
from gatebench.experiment.tolerances import Said
from gatebench.experiment.versions import Asked, Version, read_version

_WAYS: Final = "Add --baseline-target TARGET; or --base-version with a folder, image:NAME, a URL or a git ref; or --base-set KEY=VALUE."


@dataclass(frozen=True)
class Wanted:
    """What the command line says of runs that are to be made; None where it says nothing. `options` are `RunRequest`'s."""

    scenario: str | None
    target: str | None
    baseline_target: str | None
    base_version: str | None
    head_version: str | None
    pairs: int | None
    seed: int
    settings: Mapping[str, str]
    base_settings: Mapping[str, str]
    fixed: bool
    options: Mapping[str, Any] = field(default_factory=dict)

    def named(self) -> list[str]:
        """Return the options that were given."""
        found = {
            "--scenario": self.scenario,
            "--target": self.target,
            "--baseline-target": self.baseline_target,
            "--base-version": self.base_version,
            "--head-version": self.head_version,
            "--pairs": self.pairs,
            "--set": self.settings,
            "--base-set": self.base_settings,
            "--fixed": self.fixed,
        }
        return [option for option, value in found.items() if value]


@dataclass(frozen=True)
class AskedGate:
    """A gate whose two sides are known by name; their places are not there yet."""

    wanted: Wanted
    scenario: str
    base: Version
    head: Version
    pairs: int
    table: GateTable
    shared: Mapping[str, str]


def read_wanted(wanted: Wanted, table: GateTable, workspace: Path, problems: list[Problem]) -> AskedGate | None:
    """Return the gate that was asked for, the workspace's table filling in what the command line leaves out."""
    content = Content(workspace)
    scenario, target = wanted.scenario or table.scenario, wanted.target or table.target
    if scenario is None:
        cure = f"Add --scenario NAME; the scenarios are: {', '.join(content.scenario_names())}."
        problems.append(Problem("--scenario", "is missing.", cure))
    if target is None:
        cure = f"Add --target NAME; the targets are: {', '.join(content.target_names())}."
        problems.append(Problem("--target", "is missing.", cure))
    own = _target_keys(wanted.settings)
    odd = [key for key in wanted.base_settings if key not in _target_keys(wanted.base_settings)]
    for key in odd:
        cure = f"Write --set {key}=…, which both sides are asked with."
        problems.append(Problem(f"--base-set {key}", "is a setting of the scenario, not of base.", cure))
    versions = (wanted.base_version, wanted.head_version)
    from_table = not any(versions) and wanted.baseline_target is None and not wanted.base_settings
    other = wanted.baseline_target or (table.baseline_target if from_table else None)
    base_version = wanted.base_version or (table.base_version if from_table and other is None else None)
    if other is not None and any(versions):
        cure = "Name another target, or versions of one target."
        problems.append(Problem("--baseline-target", "does not go with --base-version and --head-version.", cure))
    if other is None and not (base_version or wanted.head_version or wanted.base_settings or own):
        problems.append(Problem("--baseline-target", "is missing: there is nothing to compare with.", _WAYS))
    if problems or scenario is None or target is None:
        _alone(content, scenario, target, problems)
        return None
    base = read_version(Asked(BASE, other or target, base_version, wanted.base_settings), workspace, problems)
    head = read_version(Asked(HEAD, target, wanted.head_version, own), workspace, problems)
    if base is None or head is None:
        _alone(content, scenario, target, problems)
        return None
    pairs = wanted.pairs if wanted.pairs is not None else table.pairs
    shared = {key: value for key, value in wanted.settings.items() if key not in own}
    return AskedGate(wanted, scenario, base, head, DEFAULT_PAIRS if pairs is None else pairs, table, shared)


def _alone(content: Content, scenario: str | None, target: str | None, problems: list[Problem]) -> None:
    """Add what is wrong with scenario and target by themselves, when something else keeps the gate from being planned."""
    loading: list[Callable[[], object]] = []
    if scenario is not None:
        loading.append(lambda: content.scenario(scenario))
    if target is not None and not re.match(r"https?://|unix:|up:", target):
        loading.append(lambda: content.target(target.partition(":")[0]))
    for load in loading:
        try:
            load()
        except ConfigurationError as error:
            problems.extend(error.problems)


def order(asked: AskedGate, sides: Sides, tolerance: list[str]) -> Order:
    """Return the order of a gate whose sides are in place; the base's own table of tolerances goes before the workspace's."""
    base = sides.table is not None
    table = sides.table if sides.table is not None else asked.table
    where = f"base's {WHERE}" if base else WHERE
    return Order(
        scenario=asked.scenario,
        base=asked.base,
        head=asked.head,
        contents=sides.contents,
        pairs=asked.pairs,
        seed=asked.wanted.seed,
        said=Said(tolerance, (), table.terms(), where),
        sequential=not asked.wanted.fixed,
        shared=asked.shared,
        options=asked.wanted.options,
        notes=sides.notes,
    )


def _target_keys(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that are a target's; the others are the scenario's."""
    return RunRequest("", "", 0, settings=settings).target_settings()
