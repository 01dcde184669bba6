"""The target from within: what the operating system shows of its processes, and what it says of itself to Prometheus."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.report.charts.chart import Chart, Column, Data, NoChart, decimals, words
from gatebench.analysis.report.words import count, exact, quantity, significant
from gatebench.analysis.series import Line, Source, increases
from gatebench.analysis.tables import RunTables

MOST: Final = 12
"""So many series of a source are drawn."""
MOST_POINTS: Final = 300
MOST_OTHER_ROWS: Final = 20_000
"""So many rows of the others stand in the page; series.parquet has all of them."""
_LEFT_OUT: Final = ("_bucket", "_created")
_MOST_VALUE: Final = 1e100
_BYTES_PER_MB: Final = 1e6
_OF_PROCESSES: Final = (
    ("cpu_s", "target-processors", "Processors of the target", "processors", "1 is one whole processor"),
    ("rss_bytes", "target-memory", "Resident memory of the target", "MB", "10⁶ bytes"),
    ("descriptors", "target-descriptors", "Open descriptors of the target", "descriptors", "sockets and files"),
    ("threads", "target-threads", "Threads of the target", "threads", "of all its processes of that name"),
)

Floats = npt.NDArray[np.float64]


def processes(tables: RunTables, series: pd.DataFrame | None) -> list[Chart | NoChart]:
    """Return a chart of each figure over time, a line a process of the target; none when nobody read them."""
    definition = tables.plan.target.definition
    names = [process.name for process in definition.process] if definition else []
    if series is None or not names:
        return []
    own = series[series["process"].isin(names)].sort_values(["process", "at_s"], kind="stable")
    made: list[Chart | NoChart] = []
    for metric, name, title, unit, note in _OF_PROCESSES:
        rows = own[own["metric"] == metric]
        rows = _cores(rows) if metric == "cpu_s" else rows.assign(shown=rows["value"])
        if metric == "rss_bytes":
            rows = rows.assign(shown=rows["value"] / _BYTES_PER_MB)
        if not rows.empty:
            made.append(_of_processes(rows, name, title, unit, note, labelled=not made))
    return made


def _cores(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the processors in use between neighbouring readings; a process that began anew starts over."""
    by_process = rows.groupby("process", sort=False)
    used = by_process["value"].diff() / by_process["at_s"].diff()
    return rows.assign(shown=used)[used.notna() & (used >= 0)]


def _of_processes(rows: pd.DataFrame, name: str, title: str, unit: str, note: str, *, labelled: bool) -> Chart:
    every = _every(int(rows.groupby("process").size().max()))
    rows = rows[rows.groupby("process").cumcount() % every == 0]
    most = rows.groupby("process", sort=False)["shown"].max()
    told = ", ".join(f"{process} at most {significant(value)}" for process, value in most.items())
    return Chart(
        id=name,
        kind="lines",
        title=title,
        caption=f"Of each process of the target and its children, once a second{_thinned(every)}; {note}.",
        label=f"{title}, {unit}: {told}.",
        data=(
            Data(
                name,
                {
                    "at_s": decimals(rows["at_s"], 2),
                    "process": words(rows["process"]),
                    unit: decimals(rows["shown"], 3),
                },
            ),
        ),
        facts={"x": "at_s", "y": unit, "by": "process", "y_label": unit, "time": True, "labelled": labelled},
    )


def said(tables: RunTables, sources: tuple[Source, ...]) -> list[Chart | NoChart]:
    """Return a chart of what each source says: its series that change most, and the data of the others."""
    made = [_said(source, number, tables) for number, source in enumerate(sources) if source.lines]
    return [chart for chart in made if chart is not None]


def _said(source: Source, number: int, tables: RunTables) -> Chart | NoChart | None:
    readings = len(source.readings_ns)
    title = f"What {source.heard.source} says"
    if readings < 2:
        return NoChart(title, "It was read once only: there is nothing to draw over time.")
    every = _every(readings)
    shown = {
        name: _values(line, source, every) for name, line in source.lines.items() if not line.family.endswith(_LEFT_OUT)
    }
    moved = {name: change for name, (_, values, _) in shown.items() if (change := _change(values)) > 0}
    order = sorted(moved, key=lambda name: (-moved[name], name))
    if not order:
        return NoChart(title, f"None of its {count(len(source.lines))} series changed while it was read.")
    drawn, others = order[:MOST], order[MOST:]
    data, left_out = [Data(f"said-{number + 1}", _columns(drawn, shown, tables))], 0
    if others:
        fits, rows = [], 0
        for name in others:
            rows += len(shown[name][1])
            if rows <= MOST_OTHER_ROWS:
                fits.append(name)
        left_out = len(others) - len(fits)
        data.append(Data(f"said-{number + 1}-others", _columns(fits, shown, tables)))
    still = len(source.lines) - len(order)
    caption = (
        f"Each on a scale of its own, from its smallest value to its largest: counters as what they grew by per second, gauges as they are"
        f"{_thinned(every)}. Here are the {count(len(drawn))} that change most, by their standard deviation ÷ mean"
        + (f"; {count(len(others))} more are in the data below" if others else "")
        + (f", and {count(left_out)} of those in series.parquet only" if left_out else "")
        + (f"; {count(still)} did not change, or are buckets" if still else "")
        + ". Whatever it says, nobody else saw it."
    )
    told = "; ".join(_told(name, *shown[name][1:]) for name in drawn)
    return Chart(
        id=f"said-{number + 1}",
        kind="strips",
        title=title,
        caption=caption,
        label=f"{title}: {told}.",
        data=tuple(data),
        facts={"names": drawn},
    )


def _values(line: Line, source: Source, every: int) -> tuple[npt.NDArray[np.int64], Floats, str]:
    """Return when, what is drawn and its unit: growth per second of a counter, the value of a gauge."""
    at_ns, values = line.at_ns, line.values
    counter = source.is_counter(line.family)
    if counter and source.is_page and at_ns[0] > source.readings_ns[0]:  # it was not there before, so it was at nothing
        before = source.readings_ns[np.searchsorted(source.readings_ns, at_ns[0]) - 1]
        at_ns, values = np.concatenate(([before], at_ns)), np.concatenate(([0.0], values))
    at_ns, values = at_ns[::every], values[::every]
    finite = np.abs(values) < _MOST_VALUE  # infinities are no place on a scale
    at_ns, values = at_ns[finite], values[finite]
    if not counter:
        return at_ns, values, ""
    apart_s = np.diff(at_ns) / 1e9
    return at_ns[1:], np.asarray(increases(values) / np.maximum(apart_s, 1e-9), np.float64), "per second"


def _change(values: Floats) -> float:
    """Return the coefficient of variation: how much a series changes, whatever its unit."""
    if len(values) < 2:
        return 0.0
    mean = float(np.abs(values).mean())
    return float(values.std()) / mean if mean > 0 else 0.0


def _columns(
    names: list[str], shown: dict[str, tuple[npt.NDArray[np.int64], Floats, str]], tables: RunTables
) -> dict[str, Column]:
    at_ns = np.concatenate([shown[name][0] for name in names] or [np.empty(0, np.int64)])
    values = np.concatenate([shown[name][1] for name in names] or [np.empty(0)])
    lengths = [len(shown[name][1]) for name in names]
    codes = np.repeat(np.arange(len(names)), lengths).tolist()
    units = ["per second" if shown[name][2] else "value" for name in names]
    return {
        "at_s": decimals((at_ns - tables.start_ns) / 1e9, 2),
        "series": {"words": names, "codes": codes},
        "shown": {"words": ["value", "per second"], "codes": [int(units[code] == "per second") for code in codes]},
        "value": [_short(value) for value in values.tolist()],
    }


def _short(value: float) -> float:
    """Return a value to six significant digits: more cannot be seen, and the page has to be sent around."""
    return float(f"{value:.6g}")


def _told(name: str, values: Floats, unit: str) -> str:
    return f"{name} from {quantity(float(values.min()), '')} to {quantity(float(values.max()), '')}{f' {unit}' if unit else ''}"


def _every(readings: int) -> int:
    return max(1, -(-readings // MOST_POINTS))


def _thinned(every: int) -> str:
    return f", one in {exact(every)} readings" if every > 1 else ""
