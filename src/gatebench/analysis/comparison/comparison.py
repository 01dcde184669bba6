"""A comparison, made: rows, verdict and remarks, ready to be shown in a terminal, on a page or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from gatebench.analysis.comparison.alike import remarks
from gatebench.analysis.comparison.material import Material, Taken
from gatebench.analysis.comparison.matrix import Asked, matrix
from gatebench.analysis.comparison.rows import Row, rows
from gatebench.analysis.comparison.verdict import Verdict, judge

COMPARISON_SCHEMA: Final = "gatebench.comparison/1"


@dataclass(frozen=True)
class Comparison:
    """What the rounds of all sides show."""

    material: Material
    rows: tuple[Row, ...]
    verdict: Verdict
    remarks: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        """The sides, the one that the others are compared with first."""
        return [party.label for party in self.material.parties]

    @property
    def invalid(self) -> list[Taken]:
        """The rounds that do not count."""
        return [one for one in self.material.taken if not one.valid]

    @property
    def marked(self) -> tuple[int, int]:
        """How many differences of the rows that matter are marked as shown, and how many were looked at."""
        found = [row.winner(place) for row in self.rows if row.matters for place in range(1, len(row.cells))]
        contrasts = [one for row in self.rows if row.matters for one in row.contrasts if one is not None]
        looked = [one for one in contrasts if one.low is not None and one.low != one.high]
        return sum(winner is not None for winner in found), len(looked)


def compare(material: Material) -> Comparison:
    """Return the comparison of what was read."""
    found = tuple(rows(material))
    return Comparison(material, found, judge(material, found), tuple(dict.fromkeys(remarks(material))))


def document(found: Comparison) -> dict[str, Any]:
    """Return the comparison as a JSON document: every row with its points, medians, intervals and differences."""
    material = found.material
    return {
        "schema": COMPARISON_SCHEMA,
        "exit_code": found.verdict.exit_code,
        "experiment": material.id,
        "kind": material.kind,
        "word": found.verdict.word,
        "sentence": found.verdict.sentence,
        "remarks": list(found.remarks),
        "sides": [
            {"label": side.label, "target": side.target, "settings": dict(side.settings)} for side in material.parties
        ],
        "scenarios": list(material.scenarios),
        "pairs_asked": material.pairs,
        "rounds": [_round(one) for one in material.taken],
        "floor": [_round(one) for one in material.floor],
        "rows": [_row(found, row) for row in found.rows],
        "questions": [_question(found, one) for one in matrix(material, found.rows)],
    }


def _question(found: Comparison, asked: Asked) -> dict[str, Any]:
    answers = {}
    for label, answer in zip(found.labels, asked.answers, strict=True):
        middle = answer.typical
        answers[label] = {
            "applies": answer.applies,
            "median": middle.median if middle else None,
            "low": middle.low if middle else None,
            "high": middle.high if middle else None,
            "within_the_round": list(answer.within) if answer.within else None,
            "at_least": answer.beyond,
            "why": answer.why,
            "round": answer.shown_by.name if answer.shown_by else None,
        }
    return asked.question.model_dump(mode="json") | {"unit": asked.unit, "better": asked.better, "answers": answers}


def _round(one: Taken) -> dict[str, Any]:
    kept = ("scenario", "side", "pair", "order", "seed", "name", "valid", "why", "took_s")
    verdict = one.summary.verdict if one.summary else None
    return {name: getattr(one, name) for name in kept} | {"verdict": verdict}


def _row(found: Comparison, row: Row) -> dict[str, Any]:
    sides = {}
    for place, (label, cell) in enumerate(zip(found.labels, row.cells, strict=True)):
        middle, difference = cell.typical, row.contrasts[place]
        sides[label] = {
            "median": middle.median if middle else None,
            "low": middle.low if middle else None,
            "high": middle.high if middle else None,
            "rounds": len(cell.points),
            "missing": cell.missing,
            "why": cell.why,
            "points": [asdict(point) for point in cell.points],
            "change": asdict(difference) if difference else None,
            "winner": row.winner(place) if place else None,
        }
    return {
        "scenario": row.scenario,
        "phase": row.phase,
        "metric": row.metric,
        "title": row.title,
        "unit": row.unit,
        "better": row.better,
        "matters": row.matters,
        "floor": row.floor,
        "sides": sides,
    }
