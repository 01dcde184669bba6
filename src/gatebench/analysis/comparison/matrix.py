"""The matrix of a suite: what every side answers to every question, with its interval and the round that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gatebench.analysis.comparison.material import Material, Taken
from gatebench.analysis.comparison.rows import Cell, Row
from gatebench.comparing.contrast import Typical
from gatebench.run.summary import MetricValue
from gatebench.suite import Question, Suite

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Answer:
    """What one side answers: its typical round; or `beyond`, a bound that was not reached in any; or `why` there is neither.

    `within` is the interval within the one round, where there is but one. `shown_by` is the first round that counts.
    """

    typical: Typical | None = None
    beyond: float | None = None
    within: tuple[float, float] | None = None
    applies: bool = True
    why: str = ""
    shown_by: Taken | None = None

    @property
    def size(self) -> float | None:
        """What the side is sorted by; None without an answer."""
        return self.typical.median if self.typical is not None else self.beyond


@dataclass(frozen=True)
class Asked:
    """A question with the answers of all sides, in their order."""

    question: Question
    unit: str
    better: Better
    answers: tuple[Answer, ...]


def matrix(material: Material, rows: Sequence[Row]) -> tuple[Asked, ...]:
    """Return every question of the suite with its answers; nothing when the experiment is no suite's."""
    if material.suite is None:
        return ()
    return tuple(_asked(material, material.suite, rows, question) for question in material.suite.question)


def _asked(material: Material, suite: Suite, rows: Sequence[Row], question: Question) -> Asked:
    key = (question.scenario, question.phase, question.metric)
    row = next((one for one in rows if (one.scenario, one.phase, one.metric) == key), None)
    samples = [
        value
        for party in material.parties
        for one in material.of(question.scenario, party.label)
        if (value := _value(one, question)) is not None
    ]
    answers = tuple(
        _answer(material, question, party.label, row.cells[place] if row is not None else None)
        for place, party in enumerate(material.parties)
    )
    unit = samples[0].unit if samples else ""
    return Asked(question, unit, samples[0].better if samples else "neither", answers)


def _answer(material: Material, question: Question, side: str, cell: Cell | None) -> Answer:
    why = material.not_applicable.get(question.scenario, {}).get(side) or _lacks(material, question, side)
    if why:
        return Answer(applies=False, why=why)
    rounds = material.of(question.scenario, side)
    if not rounds:
        played = [one for one in material.taken if (one.scenario, one.side) == (question.scenario, side)]
        return Answer(why=next((one.why for one in played if one.why), "no valid round"), shown_by=_first(played))
    first = rounds[0]
    values = [value for one in rounds if (value := _value(one, question)) is not None]
    bounds = [value.value for value in values if value.status == "censored" and value.value is not None]
    if cell is not None and cell.typical is not None:
        note = f"{cell.missing} of {cell.rounds} rounds have no such number" if cell.missing else ""
        if cell.missing and bounds:
            note += f", {len(bounds)} of them because they did not reach it"
        known = {point.order for point in cell.points}
        first = next((one for one in rounds if one.order in known), first)
        within = None
        if len(rounds) == 1 and values and values[0].low is not None and values[0].high is not None:
            within = (values[0].low, values[0].high)
        return Answer(cell.typical, within=within, why=note, shown_by=first)
    why = next((value.why for value in values if value.why), "not measured here")
    if bounds and len(bounds) == len(values):
        return Answer(beyond=min(bounds), why=why, shown_by=first)
    return Answer(why=why, shown_by=first)


def _lacks(material: Material, question: Question, side: str) -> str:
    """Return which capabilities of a question a side does not declare; empty when it has all, or nobody can know."""
    record = next((one.record for one in material.taken if one.side == side and one.record is not None), None)
    definition = record.plan.target.definition if record is not None else None
    missing = [one for one in question.needs if definition is not None and one not in definition.capabilities]
    return f"{side} does not declare {', '.join(missing)}" if missing else ""


def _value(one: Taken, question: Question) -> MetricValue | None:
    if one.summary is None:
        return None
    key = (question.metric, question.phase, None)
    return next((value for value in one.summary.metrics if (value.name, value.phase, value.route) == key), None)


def _first(found: Sequence[Taken]) -> Taken | None:
    return next(iter(found), None)
