"""Builds the page of a comparison from what was compared, and writes it in one step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatebench.analysis.comparison.comparison import Comparison
from gatebench.analysis.report.charts.chart import Chart
from gatebench.analysis.report.comparison import charts, matrix_view, views
from gatebench.analysis.report.frame import DATA_SCHEMA, Frame
from gatebench.content import Content
from gatebench.run.folder import write_atomically


def write_comparison(found: Comparison, path: Path, content: Content | None = None) -> Path:
    """Write the report to `path` and return it; templates, style and scripts come from the `reports` folders."""
    folders = (content or Content()).folders("reports")
    write_atomically(path, render(found, folders))
    return path


def render(found: Comparison, folders: Sequence[Path]) -> str:
    """Return the page. Raises FileNotFoundError when its frame is in none of the folders."""
    frame = Frame(folders)
    drawn: dict[str, Chart] = {}

    def ask(name: str) -> list[Chart]:
        """Make the charts of a name, and keep their data for the page."""
        made = charts.made(found, name)
        drawn.update({chart.id: chart for chart in made})
        return made

    frame.know(
        {
            "comparison": found,
            "material": found.material,
            "views": views,
            "matrix": matrix_view.view,
            "charts": ask,
            "licences": frame.text("vendor/LICENSES.txt"),
        }
    )
    return frame.render("comparison.html.j2", "comparison", lambda: _data(found, drawn))


def _data(found: Comparison, drawn: dict[str, Chart]) -> dict[str, Any]:
    return {
        "schema": DATA_SCHEMA,
        "run": found.material.id,
        "timeline": {"end_s": 0, "phases": [], "lanes": [], "faults": []},
        "charts": {
            chart.id: {
                "kind": chart.kind,
                "label": chart.label,
                "facts": chart.facts,
                "data": [{"name": data.name, "columns": data.columns} for data in chart.data],
            }
            for chart in drawn.values()
        },
    }
