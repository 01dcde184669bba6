"""Builds the page: finds the sections, lets each one render, and frames them with style, scripts and data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from gatebench.analysis.report import embedding, figures, overhead, provenance, words
from gatebench.analysis.report.charts import Drawn, charts
from gatebench.analysis.report.charts.chart import Chart, Data, column
from gatebench.analysis.report.faults import fault_views, in_words
from gatebench.analysis.report.reading import Reading
from gatebench.analysis.report.uses import steps, uses

DATA_SCHEMA = "gatebench.report/1"
_SCRIPTS = ("vendor/d3.min.js", "vendor/plot.min.js", "mechanisms.js", "charts.js", "page.js")


@dataclass(frozen=True)
class Section:
    """A part of the page; `id` is its file's name without number and ending.

    A `bare` one brings its own heading; `trouble` says why one could not render.
    """

    id: str
    title: str
    body: Markup
    bare: bool = False
    trouble: str = ""


@dataclass
class Page:
    """The page of one run, rendered from the `reports` folders (the user's first)."""

    reading: Reading
    folders: Sequence[Path]
    _drawn: dict[str, Chart] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._charts = charts(self.reading)
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([str(folder) for folder in self.folders]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(_FILTERS)
        self._environment.globals.update(self._context())

    def render(self) -> str:
        """Return the whole page. Raises FileNotFoundError when the frame itself is missing."""
        sections = [self._section(name) for name in section_names(self.folders)]
        scripts = [self._text(name) for name in _SCRIPTS]
        page = self._environment.get_template("page.html.j2")
        return page.render(
            sections=[section for section in sections if section.trouble or section.body.strip()],
            style=embedding.as_style(self._text("style.css")),
            scripts=[embedding.as_script(script) for script in scripts],
            policy=embedding.policy(scripts),
            data=embedding.as_json(self._data()),
        )

    def _section(self, name: str) -> Section:
        """Render one section; one that fails is named in its place, and the others stand."""
        section_id = name.removesuffix(".html.j2").partition("-")[2] or name.removesuffix(".html.j2")
        try:
            module: Any = self._environment.get_template(f"sections/{name}").make_module()
            title, bare = str(getattr(module, "title", section_id)), bool(getattr(module, "bare", False))
            return Section(section_id, title, Markup(str(module)), bare)  # noqa: S704 - autoescaped
        except Exception as error:  # a user's template may raise anything; the report of the run matters more
            trouble = f"sections/{name} cannot be shown: {type(error).__name__}: {error}"
            return Section(section_id, section_id, Markup(), trouble=trouble)

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
            "faults": fault_views(reading),
            "fault_words": in_words,
            "licences": self._text("vendor/LICENSES.txt"),
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

    def _text(self, name: str) -> str:
        for folder in self.folders:
            if (folder / name).is_file():
                return (folder / name).read_text()
        raise FileNotFoundError(
            f"reports/{name} is in none of the reports folders; install gatebench again or put it back."
        )


def section_names(folders: Sequence[Path]) -> list[str]:
    """Return the file names of all sections in order of their numbers; a name in two folders counts once."""
    return sorted({path.name for folder in folders for path in (folder / "sections").glob("*.html.j2")})


_FILTERS: dict[str, Callable[..., str]] = {
    "bound": words.bound,
    "count": words.count,
    "duration": words.duration,
    "exact": words.exact,
    "interval": words.interval,
    "milliseconds": words.milliseconds,
    "moment": words.moment,
    "percent": words.percent,
    "quantity": words.quantity,
    "significant": words.significant,
    "tied": words.tied,
}
