"""Reads a stored run again: summary and report anew, from whatever its folder still holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatebench.run.folder import RunFolder
from gatebench.run.summary import Summary

UNTRUSTED: Final = 3


@dataclass(frozen=True)
class Reread:
    """What a stored run gave: its summary, None when its tables cannot be read, and a sentence for each thing that it lacks."""

    summary: Summary | None
    missing: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 when the run was read whole, whatever its verdict; 3 when something is missing, or it cannot be trusted."""
        whole = self.summary is not None and self.summary.verdict != "invalid" and not self.missing
        return 0 if whole else UNTRUSTED


def reread(folder: RunFolder) -> Reread:
    """Write summary.json and report.html anew; where the tables are damaged, the report alone, which says so.

    The folder must be one that `gatebench.run.opening.unreadable` finds no problem with.
    """
    from gatebench.analysis.report.reading import DAMAGE, read
    from gatebench.analysis.report.writing import write_reading
    from gatebench.analysis.summary import summarise
    from gatebench.analysis.tables import read as read_tables

    summary: Summary | None
    try:
        tables = read_tables(folder)
        summary = summarise(folder, tables)
    except DAMAGE:
        reading = read(folder)
        if reading.tables is not None:
            raise  # the tables are whole: it is a defect of ours
        summary = None
    else:
        reading = read(folder, tables)
    write_reading(reading)
    return Reread(summary, reading.missing)
