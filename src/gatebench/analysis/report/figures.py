"""The key figures: which metrics stand in the table by phase and in the tiles, each as words that never hide an unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatebench.analysis.report.reading import Reading
from gatebench.analysis.report.words import count, percent, quantity
from gatebench.analysis.windows import TRANSITION
from gatebench.run.summary import MetricValue, Summary

ABSENT: Final = "not measured"
_ROWS: Final = (
    ("Requests", (("requests", "Requests of the headline load"),)),
    (
        "Rates",
        (
            ("offered_rate_per_s", "Offered"),
            ("goodput_per_s", "Goodput"),
            ("availability", "Availability"),
        ),
    ),
    (
        "Response time (done − due)",
        (("response_p50_ms", "p50"), ("response_p95_ms", "p95"), ("response_p99_ms", "p99")),
    ),
    ("Service time (done − sent)", (("service_p50_ms", "p50"), ("service_p99_ms", "p99"))),
    (
        "Not answered well",
        (("rejected", "Rejected (429)"), ("error", "Errors"), ("timeout", "Timeouts"), ("unsent", "Unsent, target full")),
    ),
    ("Served by", ()),
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
    interval = ""
    if metric.low is not None and metric.high is not None:
        interval = f"{quantity(metric.low, metric.unit)} – {quantity(metric.high, metric.unit)}"
    return Figure(text, interval)


def find(summary: Summary, name: str, phase: str | None = None) -> MetricValue | None:
    """Return the metric of all routes in `phase`; for None, of the whole run or else of the only scope it has."""
    found = [metric for metric in summary.metrics if metric.name == name and metric.route is None]
    exact = next((metric for metric in found if metric.phase == phase), None)
    return exact or (found[0] if phase is None and found else None)


def phases(summary: Summary) -> list[str]:
    """Return the phases that have figures: all but the warm-up, and the transitions if there are any."""
    names = [window.name for window in summary.phases if window.role != "warmup"]
    measured = {metric.phase for metric in summary.metrics}
    return names + ([TRANSITION] if TRANSITION in measured and TRANSITION not in names else [])


def table(reading: Reading, summary: Summary) -> list[Group]:
    """Return the key figures by phase."""
    columns = phases(summary)
    groups = []
    for title, wanted in _ROWS:
        rows = [Row(label, tuple(_cell(reading, summary, name, phase) for phase in columns)) for name, label in wanted]
        if title == "Served by":
            rows = _served(summary, columns)
        shown = tuple(row for row in rows if any(cell.status != "absent" for cell in row.cells))
        if shown:
            groups.append(Group(title, shown))
    return groups


def _cell(reading: Reading, summary: Summary, name: str, phase: str) -> Figure:
    if name in ("rejected", "error", "timeout", "unsent"):
        return _outcomes(reading, name, phase)
    if name == "requests":
        metric = find(summary, "availability", phase)
        return figure(None) if metric is None else Figure(count(metric.n))
    return figure(find(summary, name, phase))


def _outcomes(reading: Reading, outcome: str, phase: str) -> Figure:
    if reading.tables is None:
        return Figure("unknown", note="the tables of the run cannot be read", status="unknown")
    rows = reading.tables.phase_rows(phase)
    hits = int((rows["outcome"] == outcome).sum())
    return Figure(count(hits), percent(hits / len(rows)) if hits else "")


def _served(summary: Summary, columns: list[str]) -> list[Row]:
    names = sorted({name for phase in columns for name in summary.served.get(phase, {})}, key=lambda name: (name == "nobody", name))
    rows = []
    for name in names:
        cells = []
        for phase in columns:
            answers = summary.served.get(phase, {})
            total = sum(answers.values())
            share = Figure(percent(answers.get(name, 0) / total), count(answers.get(name, 0))) if total else Figure("no answer", status="unknown")
            cells.append(share)
        rows.append(Row(name, tuple(cells)))
    return rows


def tiles(summary: Summary) -> list[Tile]:
    """Return the figures of the run as a whole; metrics that this run does not have make no tile."""
    found = ((label, find(summary, name)) for name, label in _TILES)
    return [Tile(label, figure(metric), metric) for label, metric in found if metric is not None]
