"""Writes the report of a run: reads the folder, renders the page, and puts it there in one step."""

from __future__ import annotations

from pathlib import Path

from gatebench.analysis.report.page import Page
from gatebench.analysis.report.reading import Reading, read
from gatebench.analysis.tables import RunTables
from gatebench.content import Content
from gatebench.run.folder import RunFolder, write_atomically


def write_report(folder: RunFolder, content: Content | None = None, tables: RunTables | None = None) -> Path:
    """Write `report.html` into the run folder and return its path; whatever the run lacks is said on the page.

    Sections, style and scripts come from the `reports` folders of `content` (default: the working directory's over the shipped ones).
    `tables` are those of the run for who has read them already.
    """
    return write_reading(read(folder, tables), content)


def write_reading(reading: Reading, content: Content | None = None) -> Path:
    """Write the `report.html` of a run that was read already, see `write_report`."""
    folders = (content or Content()).folders("reports")
    write_atomically(reading.folder.report, Page(reading, folders).render())
    return reading.folder.report
