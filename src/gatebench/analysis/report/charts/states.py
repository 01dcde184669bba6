"""Which requests the charts draw, and what became of each, in words: the outcome, with good answers told from late ones."""

from __future__ import annotations

from typing import Final

import pandas as pd

from gatebench.analysis.tables import RunTables

GOOD: Final = "good"
STATES: Final = (GOOD, "late", "rejected", "error", "timeout", "unsent", "in flight")


def asked(tables: RunTables) -> pd.DataFrame:
    """Return the requests that were put to the target, the warm-up included, in order of due time."""
    rows = tables.at_target
    return rows[rows["kind"].isin(("load", "warmup")) & ~rows["cause"].isin(("generator", "stopped"))]


def states(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the state of each row: "good" is complete within the objective, "late" is any other ok."""
    outcome = rows["outcome"].astype(str).str.replace("_", " ")
    return outcome.mask(outcome == "ok", "late").mask(rows["good"].to_numpy(dtype=bool), GOOD)
