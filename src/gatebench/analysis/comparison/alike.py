"""Whether runs may be compared at all, and what has to be said when they may: scenario, engine, machine, version, time."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from gatebench.analysis.comparison.material import Material, Taken
from gatebench.errors import Problem
from gatebench.plan import Plan
from gatebench.run.folder import RunRecord

_SHAPES: Final[Mapping[str, Callable[[Plan], Any]]] = {
    "time scale": lambda plan: plan.time_scale,
    "load": lambda plan: plan.load.load,
    "phases": lambda plan: plan.phases,
    "faults": lambda plan: {(one.name, one.on, one.phase) for one in plan.faults},  # windows may be the seed's
    "objective": lambda plan: plan.objective,
    "lanes": lambda plan: plan.lanes,
}
"""What gives a run its numbers besides the target; where these differ, the numbers mean different things."""


def refusals(material: Material) -> list[Problem]:
    """Return why these sides cannot be compared: no scenario in common, or one that was run under another load."""
    found = []
    shared = [
        scenario
        for scenario in material.scenarios
        if all(
            any(one.side == party.label and one.scenario == scenario for one in material.taken)
            for party in material.parties
        )
    ]
    if not shared:
        parts = [
            f"{party.label}: {', '.join(_scenarios(material, party.label)) or 'none'}" for party in material.parties
        ]
        cure = "Compare runs of the same scenario."
        found.append(Problem("the sides", f"have no scenario in common ({'; '.join(parts)}).", cure))
    for scenario in shared:
        records = [one.record for one in material.taken if one.scenario == scenario and one.record is not None]
        unlike = [name for name, shape in _SHAPES.items() if not _equal([shape(record.plan) for record in records])]
        if unlike:
            what = f"was run with different {_and(unlike)}, so its numbers mean different things."
            found.append(Problem(f"scenario {scenario}", what, "Make both with the same options and scenario file."))
    return found


def remarks(material: Material) -> list[str]:
    """Return what has to be said beside the comparison, a sentence each (`measurement.md` 29)."""
    return [*material.notes, *_one_sided(material), *_provenance(material), *_rounds(material), *_phases(material)]


def _one_sided(material: Material) -> Iterator[str]:
    for party in material.parties:
        there = set(_scenarios(material, party.label))
        absent = [
            scenario
            for scenario in material.scenarios
            if scenario not in there and material.applies(scenario, party.label)
        ]
        if absent and there:
            yield f"{party.label} has no run of {_and(absent)}; what the others show there is compared with nothing."


def _provenance(material: Material) -> Iterator[str]:
    """Yield a sentence for each fact of provenance in which the runs differ."""
    facts: Mapping[str, Callable[[RunRecord], str]] = {
        "versions of the scenario file": lambda record: f"{record.plan.scenario} {record.plan.scenario_digest[:12]}",
        "engines": _engine,
        "versions of gatebench": lambda record: str(record.provenance.get("gatebench", "not known")),
        "machines": _machine,
        "versions of Python": lambda record: str(record.provenance.get("python", "not known")),
        "numbers of load workers": lambda record: str(record.plan.load.workers),
        "levels of evidence": lambda record: record.plan.evidence,
    }
    for name, fact in facts.items():
        by_scenario: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for one in material.taken:
            if one.record is not None:
                key = one.scenario if name.startswith("versions of the scenario") else ""
                by_scenario[key][fact(one.record)].add(one.side)
        for values in by_scenario.values():
            if len(values) > 1:
                parts = "; ".join(f"{value} ({', '.join(sorted(sides))})" for value, sides in sorted(values.items()))
                yield f"The runs were made with different {name}: {parts}. Part of the difference may be theirs."


def _rounds(material: Material) -> Iterator[str]:
    for scenario in material.scenarios:
        sides = {party.label: material.of(scenario, party.label) for party in material.parties}
        sides = {label: side for label, side in sides.items() if side}
        if len(sides) < 2:
            continue
        pairs = [{one.pair for one in side} for side in sides.values()]
        if not set.intersection(*pairs):
            yield (
                f"{scenario}: the rounds are not paired, for they share no seed. Their intervals are unpaired (Welch), wider, "
                "and what drifted on the machine meanwhile falls onto one side."
            )
        elif any(own != pairs[0] for own in pairs):
            yield f"{scenario}: some rounds have no partner with the same seed; differences leave those out."
        if all(len(side) > 1 for side in sides.values()) and _apart(list(sides.values())):
            yield (
                f"{scenario}: the sides were run one after the other, not in turn, so what drifted on the machine meanwhile "
                "falls onto one side. `bench compare --scenario` runs them in turn."
            )


def _phases(material: Material) -> Iterator[str]:
    """Yield a sentence for each run that lacks a phase that its plan has."""
    for one in material.taken:
        if one.record is None or one.summary is None:
            continue
        there = {phase.name for phase in one.summary.phases}
        absent = [phase.name for phase in one.record.plan.phases if phase.name not in there]
        if absent:
            yield f"{one.name} has no phase {_and(absent)}, which its plan has: its numbers there are missing."


def _apart(sides: Sequence[Sequence[Taken]]) -> bool:
    """Return whether one side was finished before the other began."""
    spans = sorted((min(one.order for one in side), max(one.order for one in side)) for side in sides)
    return all(before[1] < after[0] for before, after in itertools.pairwise(spans))


def _scenarios(material: Material, side: str) -> list[str]:
    return list(dict.fromkeys(one.scenario for one in material.taken if one.side == side))


def _engine(record: RunRecord) -> str:
    known = record.provenance.get("engine")
    facts = known if isinstance(known, dict) else {}
    return f"{facts.get('kind') or record.plan.engine.kind} {facts.get('version') or ''}".strip()


def _machine(record: RunRecord) -> str:
    known = record.provenance.get("machine")
    facts = known if isinstance(known, dict) else {}
    parts = [facts.get("processor"), f"{facts['cores']} cores" if facts.get("cores") else None, facts.get("system")]
    return ", ".join(str(part) for part in parts if part) or "not known"


def _equal(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)


def _and(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
