"""What became of a request, in the words of the charts: the outcome, with good answers told from late ones."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

GOOD: Final = "good"
STATES: Final = (GOOD, "late", "rejected", "error", "timeout", "unsent", "in flight")


def states(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the state of each row: "good" is complete within the objective, "late" is any other ok."""
    outcome = rows["outcome"].astype(str).str.replace("_", " ")
    good = rows["good"].to_numpy(dtype=bool)
    return pd.Series(np.where(good, GOOD, np.where(outcome == "ok", "late", outcome)), index=rows.index)
