"""The key figures: which metrics stand in the table by phase and in the tiles, each as words that never hide an unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatebench.analysis.report.reading import Reading
from gatebench.analysis.report.words import count, duration, exact, interval, percent, quantity
from gatebench.analysis.windows import TRANSITION
from gatebench.run.summary import CheckResult, MetricValue, Summary

ABSENT: Final = "not measured"
NOBODY: Final = "nobody"
_BY_PHASE: Final = (
    ("Rates", (("offered_rate_per_s", "Offered"), ("goodput_per_s", "Goodput"), ("availability", "Availability"))),
    (
        "Response time (done − due)",
        (("response_p50_ms", "p50"), ("response_p95_ms", "p95"), ("response_p99_ms", "p99")),
    ),
    ("Service time (done − sent)", (("service_p50_ms", "p50"), ("service_p99_ms", "p99"))),
)
_BAD: Final = (
    ("rejected", "Rejected (429)"),
    ("error", "Errors"),
    ("timeout", "Timeouts"),
    ("unsent", "Unsent, target full"),
)
_TILES: Final = (
    ("failover_time_s", "Failover time"),
    ("time_to_recover_s", "Time to recover"),
    ("requests_lost", "Requests lost"),
    ("duplicate_execution", "Duplicate executions"),
    ("amplification", "Amplification"),
)


@dataclass(frozen=True)
class Figure:
    """A number as it is shown: `text`, its 95 % `interval`, and a `note` that says why when there is none."""

    text: str
    interval: str = ""
    note: str = ""
    status: str = "known"


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure for each phase."""

    label: str
    cells: tuple[Figure, ...]


@dataclass(frozen=True)
class Group:
    """Lines that belong together."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Column:
    """A phase, and from when to when it was."""

    name: str
    window: str


@dataclass(frozen=True)
class KeyFigures:
    """The table by phase; a figure's note is a footnote, numbered by its place in `notes`."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]

    @property
    def notes(self) -> list[str]:
        """Every note once, in the order of reading."""
        cells = (cell for group in self.groups for row in group.rows for cell in row.cells)
        return list(dict.fromkeys(cell.note for cell in cells if cell.note))


@dataclass(frozen=True)
class Tile:
    """A figure that stands on its own."""

    label: str
    figure: Figure
    metric: MetricValue


def figure(metric: MetricValue | None) -> Figure:
    """Return a metric in words; one that is missing, unknown or censored says so."""
    if metric is None:
        return Figure(ABSENT, status="absent")
    if metric.status == "unknown" or metric.value is None:
        return Figure("unknown", note=metric.why, status="unknown")
    text = quantity(metric.value, metric.unit)
    if metric.status == "censored":
        return Figure(f"> {text}", note=metric.why, status="censored")
    if metric.low is None or metric.high is None:
        return Figure(text)
    return Figure(text, interval(metric.low, metric.high, metric.unit))


def find(summary: Summary, name: str, phase: str | None = None) -> MetricValue | None:
    """Return the metric of all routes in `phase`; for None, of the whole run or else of the only scope it has."""
    found = [metric for metric in summary.metrics if metric.name == name and metric.route is None]
    exact = next((metric for metric in found if metric.phase == phase), None)
    return exact or (found[0] if phase is None and found else None)


def judged(summary: Summary, check: CheckResult) -> Figure:
    """Return what a check judged; a moment that was not reached reads as one, whatever its check made of it."""
    if check.value is None:
        return Figure("unknown", status="unknown")
    text = quantity(check.value, check.unit)
    scope = (check.metric, check.phase, check.route)
    if any(
        metric.status == "censored" and (metric.name, metric.phase, metric.route) == scope for metric in summary.metrics
    ):
        return Figure(f"> {text}", status="censored")
    if check.low is None or check.high is None:
        return Figure(text)
    return Figure(text, interval(check.low, check.high, check.unit))


def by_phase(reading: Reading, summary: Summary) -> KeyFigures:
    """Return the key figures by phase: all but the warm-up, and the transitions if there are any."""
    columns = _columns(summary)
    names = [column.name for column in columns]
    groups = [Group("", (Row("Requests", tuple(_requests(summary, name) for name in names)),))]
    for title, wanted in _BY_PHASE:
        rows = (Row(label, tuple(figure(find(summary, metric, name)) for name in names)) for metric, label in wanted)
        groups.append(Group(title, tuple(row for row in rows if _measured(row))))
    groups += [Group("Not answered well", _bad(reading, names)), Group("Served by", _served(summary, names))]
    return KeyFigures(tuple(columns), tuple(group for group in groups if group.rows))


def _columns(summary: Summary) -> list[Column]:
    columns = [
        Column(window.name, f"{exact(round(window.start_s, 2))}–{duration(round(window.end_s, 2))}")
        for window in summary.phases
        if window.role != "warmup"
    ]
    if any(metric.phase == TRANSITION for metric in summary.metrics) and TRANSITION not in [
        column.name for column in columns
    ]:
        columns.append(Column(TRANSITION, "across an edge"))
    return columns


def _measured(row: Row) -> bool:
    return any(cell.status != "absent" for cell in row.cells)


def _requests(summary: Summary, phase: str) -> Figure:
    metric = find(summary, "availability", phase)
    return figure(None) if metric is None else Figure(count(metric.n))


def _bad(reading: Reading, names: list[str]) -> tuple[Row, ...]:
    """Return a line for each way of not being answered well; one line for all when there was none of any."""
    if reading.tables is None:
        unknown = Figure("unknown", note="the tables of the run cannot be read", status="unknown")
        return (Row("Rejected, errors, timeouts, unsent", (unknown,) * len(names)),)
    outcomes = {name: reading.tables.phase_rows(name)["outcome"].value_counts() for name in names}
    if not any(outcomes[name].get(outcome, 0) for name in names for outcome, _ in _BAD):
        return (Row("Rejected, errors, timeouts, unsent", (Figure("0"),) * len(names)),)
    rows = []
    for outcome, label in _BAD:
        cells = []
        for name in names:
            hits = int(outcomes[name].get(outcome, 0))
            cells.append(Figure(count(hits), percent(hits / int(outcomes[name].sum())) if hits else ""))
        rows.append(Row(label, tuple(cells)))
    return tuple(rows)


def _served(summary: Summary, names: list[str]) -> tuple[Row, ...]:
    """Return a line for each provider, and for nobody if there was somebody whom nobody served."""
    found = [summary.served.get(name, {}) for name in names]
    makers = sorted({maker for answers in found for maker in answers}, key=lambda maker: (maker == NOBODY, maker))
    rows = []
    for maker in makers:
        if maker == NOBODY and not any(answers.get(maker) for answers in found):
            continue
        rows.append(Row(maker, tuple(_share(answers.get(maker, 0), sum(answers.values())) for answers in found)))
    return tuple(rows)


def _share(hits: int, total: int) -> Figure:
    if total == 0:
        return Figure("no request", status="unknown")
    return Figure(percent(hits / total), count(hits)) if hits else Figure("0")


def tiles(summary: Summary) -> list[Tile]:
    """Return the figures of the run as a whole; metrics that this run does not have make no tile."""
    found = ((label, find(summary, name)) for name, label in _TILES)
    return [Tile(label, figure(metric), metric) for label, metric in found if metric is not None]
