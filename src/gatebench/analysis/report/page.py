"""Builds the page of a run: what its sections have at hand, its charts, and the data behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench.analysis.report import figures, overhead, provenance, server_side
from gatebench.analysis.report.charts import Drawn, charts
from gatebench.analysis.report.charts.chart import Chart, Data, column
from gatebench.analysis.report.faults import fault_views, in_words
from gatebench.analysis.report.frame import DATA_SCHEMA, Frame
from gatebench.analysis.report.reading import Reading
from gatebench.analysis.report.uses import steps, uses


@dataclass
class Page:
    """The page of one run, rendered from the `reports` folders (the user's first)."""

    reading: Reading
    folders: Sequence[Path]
    _drawn: dict[str, Chart] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._charts = charts(self.reading)
        self._frame = Frame(self.folders)
        self._frame.know(self._context())

    def render(self) -> str:
        """Return the whole page. Raises FileNotFoundError when the frame itself is missing."""
        return self._frame.render("page.html.j2", "sections", self._data)

    def _context(self) -> dict[str, Any]:
        reading, summary = self.reading, self.reading.summary
        return {
            "reading": reading,
            "record": reading.record,
            "plan": reading.record.plan if reading.record else None,
            "summary": summary,
            "tables": reading.tables,
            "figures": figures,
            "overhead": overhead,
            "provenance": provenance,
            "server_side": server_side,
            "faults": fault_views(reading),
            "fault_words": in_words,
            "licences": self._frame.text("vendor/LICENSES.txt"),
            "charts": self._ask,
            "plot": self._plot,
        }

    def _ask(self, name: str) -> list[Drawn]:
        """Make the charts of a name, and keep their data for the page; without tables there is none."""
        made = self._charts[name]() if name in self._charts else []
        for chart in made:
            if isinstance(chart, Chart):
                self._drawn[chart.id] = chart
        return made

    def _plot(
        self, name: str, rows: Any, *, kind: str = "lines", x: str, y: str, title: str, by: str = "", caption: str = ""
    ) -> list[Drawn]:
        """Make a chart of a section's own data frame: `kind` is lines or dots, `x`, `y` and `by` name its columns."""
        wanted = [part for part in (x, y, by) if part]
        data = Data(name, {part: column(rows[part]) for part in wanted})
        facts = {"x": x, "y": y, "by": by, "y_label": y, "time": x.endswith("_s")}
        chart = Chart(name, kind, title, caption, caption or title, (data,), facts)
        self._drawn[chart.id] = chart
        return [chart]

    def _data(self) -> dict[str, Any]:
        return {
            "schema": DATA_SCHEMA,
            "run": self.reading.folder.path.name,
            "timeline": self._timeline(),
            "charts": {
                chart.id: {
                    "kind": chart.kind,
                    "label": chart.label,
                    "facts": chart.facts,
                    "data": [{"name": data.name, "columns": data.columns} for data in chart.data],
                }
                for chart in self._drawn.values()
            },
        }

    def _timeline(self) -> dict[str, Any]:
        """Return phases and faults in seconds from the start of the load, for the time axis of the charts."""
        tables = self.reading.tables
        if tables is None:
            return {"end_s": 0, "phases": [], "lanes": [], "faults": []}
        found = uses([fault for fault in tables.faults if fault.acknowledged_ns is not None])

        def at_s(at_ns: int | None) -> float | None:
            return None if at_ns is None else round(at_ns / 1e9, 4)

        return {
            "end_s": at_s(tables.end_ns),
            "phases": [
                {
                    "name": window.name,
                    "role": window.role,
                    "start_s": at_s(window.start_ns),
                    "end_s": at_s(window.end_ns),
                }
                for window in tables.windows
            ],
            "lanes": [{"label": use.label, "manual": use.first.planned.manual} for use in found],
            "faults": [
                {
                    "lane": lane,
                    "requested_s": at_s(fault.requested_ns),
                    "start_s": at_s(fault.acknowledged_ns),
                    "clear_requested_s": at_s(fault.clear_requested_ns),
                    "end_s": at_s(tables.end_ns if fault.cleared_ns is None else fault.cleared_ns),
                    "steps": [
                        {"at_s": at_s(step.at_ns), "level": round(step.level, 4)}
                        for step in steps(fault)
                        if step.at_ns is not None
                    ],
                }
                for lane, use in enumerate(found)
                for fault in use.windows
            ],
        }
