"""Picks the rows that show why a check did not pass, so that nobody has to believe a number."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from gatebench.analysis.metrics.registry import Metric, Scope
from gatebench.analysis.tables import RunTables

_OF_ATTEMPT: Final = ("provider", "attempt", "end", "fault", "service_ns")
MOST_ROWS: Final = 10
_SHOWN: Final = ("request_id", "label", "route", "outcome", "cause", "status", "provider", "attempt")


def scope_of(tables: RunTables, phase: str | None, route: str | None) -> Scope:
    """Return the rows that a check looks at."""
    rows = tables.load
    if phase is not None:
        rows = rows[rows["label"] == phase]
    if route is not None:
        rows = rows[rows["route"] == route]
    return Scope(tables, rows, phase, route)


def evidence(entry: Metric, tables: RunTables, phase: str | None, route: str | None) -> list[dict[str, Any]]:
    """Return up to ten offending requests with their attempts, the worst first."""
    if entry.offenders is None:
        return []
    rows = entry.offenders(scope_of(tables, phase, route)).head(MOST_ROWS)[[*_SHOWN, "due_s", "response_ms"]]
    return [_row(tables, position, row) for position, row in zip(rows.index, rows.to_dict("records"), strict=True)]


def _row(tables: RunTables, position: Any, row: dict[Any, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in _SHOWN if not pd.isna(row[name]) and row[name] != ""}
    shown["phase"] = shown.pop("label", None)
    shown |= {"due_s": round(float(row["due_s"]), 6), "response_ms": round(float(row["response_ms"]), 3)}
    if tables.attempts is not None:
        made = tables.attempts[tables.attempts["sample"] == position][[*_OF_ATTEMPT]]
        shown["attempts"] = [_attempt(attempt) for attempt in made.to_dict("records")]
    return shown


def _attempt(row: dict[Any, Any]) -> str:
    fault = f" by {row['fault']}" if row["fault"] else ""
    return f"{row['provider']} #{row['attempt']}: {row['end']}{fault}, {row['service_ns'] / 1e6:.1f} ms"
