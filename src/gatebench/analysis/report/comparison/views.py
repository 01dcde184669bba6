"""The tables of a comparison in words: each side's typical round with its interval, and differences with a mark where shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gatebench.analysis.comparison.comparison import Comparison
from gatebench.analysis.comparison.material import Material, Taken
from gatebench.analysis.comparison.rows import Cell, Row
from gatebench.analysis.comparison.verdict import change
from gatebench.analysis.report import provenance
from gatebench.analysis.report.figures import Figure
from gatebench.analysis.report.words import interval, quantity
from gatebench.comparing.contrast import Contrast

WHOLE_RUN: Final = "whole run"
_WORDS: Final = {"head": "better", "base": "worse"}


@dataclass(frozen=True)
class Side:
    """What a table shows of one side: its figure, the difference to the first with its `ends`, and `word` where one is shown."""

    figure: Figure
    difference: str = ""
    ends: str = ""
    word: str = ""
    note: str = ""
    under_floor: bool = False


@dataclass(frozen=True)
class Line:
    """One number of all sides; `floor` is what the null target had, empty when that is not known."""

    label: str
    metric: str
    sides: tuple[Side, ...]
    floor: str


@dataclass(frozen=True)
class Group:
    """The lines of a phase, or of the whole run."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """What is compared in one scenario."""

    scenario: str
    question: str
    groups: tuple[Group, ...]
    has_floor: bool

    @property
    def notes(self) -> list[str]:
        """Every note once, in the order of reading."""
        found = (side.note for group in self.groups for line in group.lines for side in line.sides)
        return list(dict.fromkeys(note for note in found if note))


def tables(found: Comparison, *, everything: bool = False) -> list[Table]:
    """Return a table for each scenario: what matters, or every number there is."""
    return [
        table
        for scenario in found.material.scenarios
        if (table := _table(found, scenario, everything=everything)).groups
    ]


def _table(found: Comparison, scenario: str, *, everything: bool) -> Table:
    rows = [row for row in found.rows if row.scenario == scenario and (everything or row.matters)]
    phases = list(dict.fromkeys(row.phase for row in rows))
    ordered = [phase for phase in phases if phase is not None] + ([None] if None in phases else [])
    groups = [
        Group(WHOLE_RUN if phase is None else phase, tuple(_line(row) for row in rows if row.phase == phase))
        for phase in ordered
    ]
    title = next((one.summary.title for one in found.material.taken if one.scenario == scenario and one.summary), "")
    return Table(scenario, title, tuple(groups), any(row.floor is not None for row in rows))


def _line(row: Row) -> Line:
    sides = tuple(_side(row, place, cell) for place, cell in enumerate(row.cells))
    return Line(row.title, row.metric, sides, "" if row.floor is None else quantity(row.floor, row.unit))


def _side(row: Row, place: int, cell: Cell) -> Side:
    found, winner = row.contrasts[place], row.winner(place) if place else None
    note = "" if cell.typical is not None else f"{cell.why[:1].upper()}{cell.why[1:]}."
    if cell.points and cell.missing:
        note = f"{cell.missing} of {cell.rounds} rounds have no such number."
    elif found is not None and found.why:
        note = f"{found.why[:1].upper()}{found.why[1:]}."
    return Side(
        figure(row, cell),
        *_difference(found, row.unit),
        _WORDS.get(winner or "", ""),
        note,
        row.under_floor(place),
    )


def _difference(found: Contrast | None, unit: str) -> tuple[str, str]:
    """Return a difference in words, and apart from it the ends of its interval."""
    middle, _, ends = (change(found, unit) if found is not None else "").partition(" (")
    return middle, ends.rstrip(")")


def figure(row: Row, cell: Cell) -> Figure:
    """Return the typical round of a side in words; why there is none, where there is none."""
    if cell.typical is None:
        return Figure("unknown", status="unknown")
    middle = cell.typical
    text = quantity(middle.median, row.unit)
    if middle.low is None or middle.high is None:
        return Figure(text)
    if middle.low == middle.high:
        return Figure(text)
    return Figure(text, interval(middle.low, middle.high, row.unit))


def by_chance(found: Comparison) -> str:
    """Return how many of the marks would be there if nothing differed: what a reader of many intervals has to know."""
    marked, looked = found.marked
    if not looked:
        return ""
    return (
        f"{marked} of {looked} differences are marked. Each interval misses the truth once in twenty times, so about "
        f"{looked / 20:.1f} marks would be there if nothing differed."
    )


def rounds(material: Material) -> list[Taken]:
    """Return every round in the order of time."""
    order = {scenario: place for place, scenario in enumerate(material.scenarios)}
    return sorted(material.taken, key=lambda one: (one.order, order.get(one.scenario, 0)))


def command(material: Material) -> str:
    """Return the command line that makes this again: as it was given, its seed fixed."""
    words = list(material.command)
    if words and material.pairs and not any(word == "--seed" or word.startswith("--seed=") for word in words):
        words += ["--seed", str(material.seed)]
    return shlex.join(words)


def facts(material: Material) -> list[tuple[str, str]]:
    """Return what was compared, in words."""
    pairs = f"{material.pairs} asked for, of each scenario" if material.pairs else "runs that were made before"
    first = next((one.record for one in material.taken if one.record is not None), None)
    found = [("Scenarios", ", ".join(material.scenarios)), ("Rounds", pairs)]
    if first is not None:
        found += [("Toxiproxy engine", provenance.engine(first)), ("When", provenance.when(first))]
        found += [("Load", provenance.load(first))] if len(material.scenarios) == 1 else []
    return found


def versions(material: Material) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """Yield for each side its target with version, and every setting that it had."""
    for party in material.parties:
        record = next((one.record for one in material.taken if one.side == party.label and one.record), None)
        told = [("target", provenance.target(record) if record is not None else party.target)]
        settings: Mapping[str, Any] = record.plan.target.settings if record is not None else party.settings
        yield party.label, [*told, *provenance.facts(settings)]


def machine(material: Material) -> list[tuple[str, str]]:
    """Return versions and machine of the first round; where others differ, the remarks say so."""
    first = next((one.record for one in material.taken if one.record is not None), None)
    return provenance.facts(first.provenance) if first is not None else []
