"""Reads a run folder into a summary and a report: the same steps after a run and in `bench report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatebench.run.folder import RunFolder
    from gatebench.run.summary import Summary


def read(folder: RunFolder) -> Summary:
    """Summarise the run, write summary.json and report.html, and return the summary."""
    from gatebench.analysis.report import write_report
    from gatebench.analysis.summary import summarise

    summary = summarise(folder)
    write_report(folder)
    return summary
