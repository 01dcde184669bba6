"""What a report has to show: everything a run folder holds, with a sentence for each thing that it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from gatebench.analysis.series import Source, processes
from gatebench.analysis.series import sources as read_sources
from gatebench.analysis.tables import RunTables
from gatebench.analysis.tables import read as read_tables
from gatebench.run.folder import RunFolder, RunRecord
from gatebench.run.summary import Summary

_Read = TypeVar("_Read")

DAMAGE = (pa.ArrowException, ValidationError, AssertionError, KeyError, OSError, TypeError, ValueError)
"""What reading a damaged file may raise."""

_ENDINGS = {
    "interrupted": "was interrupted",
    "failed": "failed",
    "stopped": "was stopped by a stop condition",
    "running": "ended without a word while the load was on: its process was killed",
    "planned": "never came to its load",
}


@dataclass(frozen=True)
class Reading:
    """A run folder, read for showing. What could not be read is None, and `missing` says so, a sentence each.

    `series` has the columns `at_s` (from the start of the load), `process`, `metric` and `value`, of processes alone; `sources` is what
    the gateway's own page and a Prometheus said.
    """

    folder: RunFolder
    record: RunRecord | None
    summary: Summary | None
    tables: RunTables | None
    series: pd.DataFrame | None
    missing: tuple[str, ...]
    sources: tuple[Source, ...] = ()


def read(folder: RunFolder, tables: RunTables | None = None) -> Reading:
    """Read a run folder; whatever is missing or damaged in it is said, never raised. `tables` are those of the run for who has
    read them already.
    """
    missing: list[str] = []
    record = _read(folder.load, "run.json", "plan and provenance are not known", missing)
    summary = _read(
        lambda: Summary.model_validate_json((folder.path / "summary.json").read_text()),
        "summary.json",
        "verdict, figures, checks and ledger are not known; `bench report` with this folder reads the run again",
        missing,
    )
    if record is not None and tables is None:
        which = _damaged_table(folder) or "one of the run's tables"
        tables = _read(lambda: read_tables(folder), which, "there is nothing to draw", missing)
        if tables is None and summary is not None:
            missing.append("The verdict and its figures are those of an earlier reading, when the tables were whole.")
    if tables is not None and tables.samples.empty:
        missing.append("The run holds no request: there is nothing to draw.")
    series, sources = None, None
    if tables is not None and folder.series.is_file():
        series = _read(lambda: _series(folder, tables), "series.parquet", "the use of processors is not known", missing)
        sources = _read(
            lambda: tuple(read_sources(folder.series)), "series.parquet", "what it said is not known", missing
        )
    if summary is None or summary.verdict != "invalid":  # an invalid run's reasons say it already
        missing = [*_unfinished(record), *_cut_short(tables), *missing]
    if record is not None:
        missing += _events(folder)
    return Reading(folder, record, summary, tables, series, tuple(missing), sources or ())


def _read(reader: Callable[[], _Read], name: str, consequence: str, missing: list[str]) -> _Read | None:
    try:
        return reader()
    except FileNotFoundError:
        missing.append(f"{name} is not there: {consequence}.")
    except DAMAGE as error:
        missing.append(f"{name} cannot be read ({_how(error)}): {consequence}.")
    return None


def _how(error: BaseException) -> str:
    """Return what is wrong with a file, in words where they are known."""
    if isinstance(error, pa.ArrowException | OSError):
        return "it is no whole Parquet file: it was cut or overwritten"
    if isinstance(error, ValidationError):
        return "it is damaged, or of another version"
    return type(error).__name__


def _series(folder: RunFolder, tables: RunTables) -> pd.DataFrame:
    rows = processes(folder.series)
    rows["at_s"] = (rows["at_ns"] - tables.start_ns) / 1e9
    return rows[["at_s", "process", "metric", "value"]]


def _unfinished(record: RunRecord | None) -> list[str]:
    if record is None or record.status == "finished":
        return []
    return [f"The run {_ENDINGS[record.status]}; this report shows what was measured until then.", *record.trouble]


def _cut_short(tables: RunTables | None) -> list[str]:
    if tables is None:
        return []
    torn = [
        f"{name} ends without its mark: its writer was killed, and up to a second of its rows is lost."
        for name in tables.assembly.torn
    ]
    absent = [f"{name} was promised by the plan and is not there." for name in tables.assembly.missing]
    if tables.attempts is None and tables.assembly.attempts is not None:
        absent.append("attempts.parquet is not there any more: what reached the providers is not known.")
    return torn + absent


def _damaged_table(folder: RunFolder) -> str:
    """Return the name of the first table that is there and is no whole Parquet file; empty when there is none."""
    for path in (folder.samples, folder.attempts):
        try:
            pq.read_schema(path)
        except FileNotFoundError:
            continue
        except (OSError, pa.ArrowException):
            return path.name
    return ""


def _events(folder: RunFolder) -> list[str]:
    path = folder.path / "events.jsonl"
    if not path.is_file():
        return [
            "events.jsonl is not there: when faults began and ended is not known, and phases stand as they were planned."
        ]
    written = sum(bool(line.strip()) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    damaged = written - len(folder.events())
    lines = "a line" if damaged == 1 else f"{damaged} lines"
    return [f"events.jsonl: {lines} cannot be read; what happened then is not known."] if damaged else []
