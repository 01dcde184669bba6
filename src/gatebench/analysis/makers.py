"""Puts answers beside the attempts that made them, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatebench.analysis.columns import positions, values_of

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables


def with_makers(tables: RunTables, rows: pd.DataFrame, *, own: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return those of `rows` whose attempt is in the ledger, and the attempts, in the same order.

    With `own`, answers that an attempt made for another request (a cache, a replay) are left out.
    """
    attempts = tables.attempts
    if attempts is None:
        return rows.iloc[:0], rows.iloc[:0]
    rows = rows[values_of(rows, "made_by") >= 0]
    made = attempts.iloc[values_of(rows, "made_by")]
    if own:
        asked_by = values_of(made, "sample")
        keep = np.asarray((asked_by < 0) | (asked_by == positions(rows)))
        if keep.all():
            return rows, made
        rows, made = rows[keep], made[keep]
    return rows, made


def no_attempts(tables: RunTables) -> str:
    """Return why answers cannot be held against the attempts behind them, or an empty text when they can."""
    if not tables.has_stamps:
        return f'at the level of evidence "{tables.plan.evidence}" answers do not say which attempt made them'
    if not tables.has_ledger:
        return "the providers' ledger is not there in full"
    return ""
