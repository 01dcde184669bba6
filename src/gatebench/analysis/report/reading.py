"""What a report has to show: everything a run folder holds, with a sentence for each thing that it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from gatebench.analysis.tables import RunTables
from gatebench.analysis.tables import read as read_tables
from gatebench.run.folder import RunFolder, RunRecord
from gatebench.run.summary import Summary

_Read = TypeVar("_Read")

_DAMAGE = (pa.ArrowException, ValidationError, AssertionError, KeyError, OSError, TypeError, ValueError)

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

    `series` has the columns `at_s` (from the start of the load), `process`, `metric` and `value`.
    """

    folder: RunFolder
    record: RunRecord | None
    summary: Summary | None
    tables: RunTables | None
    series: pd.DataFrame | None
    missing: tuple[str, ...]


def read(folder: RunFolder) -> Reading:
    """Read a run folder; whatever is missing or damaged in it is said, never raised."""
    missing: list[str] = []
    record = _read(folder.load, "run.json", "plan and provenance are not known", missing)
    summary = _read(
        lambda: Summary.model_validate_json((folder.path / "summary.json").read_text()),
        "summary.json",
        "verdict, figures, checks and ledger are not known; `bench report` with this folder reads the run again",
        missing,
    )
    tables = None
    if record is not None:
        tables = _read(lambda: read_tables(folder), "one of the run's tables", "there is nothing to draw", missing)
    if tables is not None and tables.samples.empty:
        missing.append("The run holds no request: there is nothing to draw.")
    series = None
    if tables is not None and folder.series.is_file():
        series = _read(lambda: _series(folder, tables), "series.parquet", "the use of processors is not known", missing)
    if summary is None or summary.verdict != "invalid":  # an invalid run's reasons say it already
        missing = [*_unfinished(record), *_cut_short(tables), *missing]
    return Reading(folder, record, summary, tables, series, tuple(missing))


def _read(reader: Callable[[], _Read], name: str, consequence: str, missing: list[str]) -> _Read | None:
    try:
        return reader()
    except FileNotFoundError:
        missing.append(f"{name} is not there: {consequence}.")
    except _DAMAGE as error:
        missing.append(f"{name} cannot be read ({type(error).__name__}): {consequence}.")
    return None


def _series(folder: RunFolder, tables: RunTables) -> pd.DataFrame:
    rows = cast(pd.DataFrame, pq.read_table(folder.series).to_pandas())
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
    return torn + [f"{name} was promised by the plan and is not there." for name in tables.assembly.missing]
