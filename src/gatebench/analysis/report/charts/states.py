"""Which requests the charts draw, and what became of each, in words: the outcome, with good answers told from late ones."""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import pandas as pd

from gatebench.analysis.columns import codes_of, is_any, values_of, worded, words_of
from gatebench.analysis.tables import RunTables

GOOD: Final = "good"
STATES: Final = (GOOD, "late", "rejected", "error", "timeout", "unsent", "in flight")


def asked(tables: RunTables) -> pd.DataFrame:
    """Return the requests that were put to the target, the warm-up included, in order of due time."""
    rows = tables.at_target
    ours = is_any(values_of(rows, "cause"), ("generator", "stopped"))
    return rows[is_any(values_of(rows, "kind"), ("load", "warmup")) & ~ours]


def states(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the state of each row: "good" is complete within the objective, "late" is any other ok."""
    outcome = values_of(rows, "outcome")
    listed = [GOOD, *dict.fromkeys("late" if word == "ok" else word.replace("_", " ") for word in words_of(outcome))]
    places = [listed.index("late" if word == "ok" else word.replace("_", " ")) for word in words_of(outcome)]
    codes = np.array([*places, 0], np.int64)[codes_of(outcome, words_of(outcome))]
    codes[values_of(rows, "good").astype(bool)] = 0
    return cast("pd.Series[str]", pd.Series(worded(codes, listed).remove_unused_categories(), index=rows.index))
