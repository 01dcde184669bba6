"""The charts of a comparison: differences with their intervals, and every round's number in the order of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from gatebench.analysis.comparison.comparison import Comparison
from gatebench.analysis.comparison.rows import Row
from gatebench.analysis.comparison.verdict import change, scope
from gatebench.analysis.report.charts.chart import Chart, Column, Data, decimals
from gatebench.analysis.report.comparison.views import WHOLE_RUN
from gatebench.analysis.report.words import count, quantity

_SHOWN_AS: Final = {"share": (100.0, "%"), "ratio": (1.0, "×"), "1/s": (1.0, "per second")}


def made(found: Comparison, name: str) -> list[Chart]:
    """Return the charts of a name: `changes` or `rounds`; none for any other."""
    makers: Mapping[str, Callable[[Comparison], Iterator[Chart]]] = {"changes": _changes, "rounds": _rounds}
    return list(makers[name](found)) if name in makers else []


def _changes(found: Comparison) -> Iterator[Chart]:
    """Yield for each scenario how far every side's times and rates are from the first side's, in percent."""
    base = found.labels[0]
    for place, (scenario, rows) in enumerate(_by_scenario(found)):
        columns: dict[str, list[Any]] = {
            name: [] for name in ("number", "side", "change_pct", "low_pct", "high_pct", "shown", "better")
        }
        told = []
        for row in rows:
            for number, contrast in enumerate(row.contrasts):
                if contrast is None or not contrast.relative or contrast.low is None or contrast.high is None:
                    continue
                if contrast.low == contrast.high:  # the same in every pair, which the table says
                    continue
                words = scope(row, many=False)
                ends = (contrast.change, contrast.low, contrast.high)
                values = [words, found.labels[number], *(math.expm1(end) * 100 for end in ends)]
                winner = row.winner(number)
                values += ["yes" if winner else "no", row.better]
                for column, value in zip(columns.values(), values, strict=True):
                    column.append(value)
                if winner:
                    told.append(f"{found.labels[number]} {words} {change(contrast, row.unit)}")
        if not columns["number"]:
            continue
        for name in ("change_pct", "low_pct", "high_pct"):
            columns[name] = decimals(columns[name], 3)
        yield Chart(
            id=f"changes-{place}",
            kind="changes",
            title=f"How far from {base}" + (f": {scenario}" if len(found.material.scenarios) > 1 else ""),
            caption=f"Each line is the 95 % interval of a difference to {base}, in percent, from round to round; the dot is "
            "the mean of the pairs. Filled: the interval excludes zero and the difference is one that our instruments can see.",
            label=f"Differences to {base} with intervals. Shown: {'; '.join(told) if told else 'none'}.",
            data=(Data(f"differences-{scenario}", columns),),
            facts={"sides": found.labels, "base": base},
        )


def _rounds(found: Comparison) -> Iterator[Chart]:
    """Yield a chart for each number of a scenario: every round's value in the order of time, phases to choose from."""
    for place, (scenario, rows) in enumerate(_by_scenario(found)):
        for metric, own in groupby(sorted(rows, key=lambda row: _rank(rows, row)), key=lambda row: row.metric):
            chosen = [row for row in own if any(cell.points for cell in row.cells)]
            if chosen and not _dull(chosen):
                yield _of_metric(found, scenario, f"rounds-{place}-{metric}", chosen)


def _of_metric(found: Comparison, scenario: str, name: str, rows: Sequence[Row]) -> Chart:
    scale, unit = _SHOWN_AS.get(rows[0].unit, (1.0, rows[0].unit))
    columns: dict[str, Column] = {}
    rounds: list[tuple[Any, ...]] = []
    for row in rows:
        for label, cell in zip(found.labels, row.cells, strict=True):
            phase = row.phase or WHOLE_RUN
            rounds += [
                (phase, label, point.order + 1, point.pair + 1, point.seed, point.value * scale)
                for point in cell.points
            ]
    for place, column in enumerate(("phase", "side", "place", "pair", "seed")):
        columns[column] = [one[place] for one in rounds]
    columns["value"] = decimals([one[-1] for one in rounds], 4)
    phases = [row.phase or WHOLE_RUN for row in rows]
    several = f" · {scenario}" if len(found.material.scenarios) > 1 else ""
    floors = {row.phase or WHOLE_RUN: row.floor * scale for row in rows if row.floor is not None}
    return Chart(
        id=name,
        kind="rounds",
        title=f"{rows[0].title}{several}",
        caption=f"Each mark is a round, in the order in which they were made{_direction(rows[0])}.",
        label=f"{rows[0].title}, round by round. {_medians(found, rows)}",
        data=(Data(f"rounds-{scenario}-{rows[0].metric}", columns),),
        facts={"sides": found.labels, "unit": unit, "floors": floors},
        switches={"phase": phases} if len(phases) > 1 else {},
    )


def _by_scenario(found: Comparison) -> Iterator[tuple[str, list[Row]]]:
    for scenario in found.material.scenarios:
        yield scenario, [row for row in found.rows if row.scenario == scenario and row.matters]


def _rank(rows: Sequence[Row], row: Row) -> int:
    """Return where a row's metric first stands, so that rows of one metric come together in the order of reading."""
    return next(place for place, other in enumerate(rows) if other.metric == row.metric)


def _dull(rows: Sequence[Row]) -> bool:
    """Return whether there is nothing to see: all rounds have one number, or all sides have the same in every pair."""
    return all(_constant(row) or _equal(row) for row in rows)


def _constant(row: Row) -> bool:
    return len({point.value for cell in row.cells for point in cell.points}) <= 1


def _equal(row: Row) -> bool:
    return len(row.cells) > 1 and all(one is not None and one.low == one.high == 0 for one in row.contrasts[1:])


def _direction(row: Row) -> str:
    return "" if row.better == "neither" else f"; {row.better} is better"


def _medians(found: Comparison, rows: Sequence[Row]) -> str:
    parts = []
    for row in rows:
        for label, cell in zip(found.labels, row.cells, strict=True):
            if cell.typical is not None:
                middle = quantity(cell.typical.median, row.unit)
                parts.append(
                    f"{label} in {row.phase or WHOLE_RUN}: median {middle} over {count(len(cell.points))} rounds"
                )
    return "; ".join(parts) + "."
