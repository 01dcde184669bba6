"""The attempts of each request in order: which came after which, at the same provider or elsewhere, one by one or at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

OVERLAP_NS: Final = 5_000_000
"""A further attempt that begins so long before the one before ended runs beside it: a hedge. A provider may learn a little
late that it was left.
"""

_LONG_NS: Final = 10**12


def in_order(attempts: pd.DataFrame) -> pd.DataFrame:
    """Return the attempts by request and arrival, canaries and those that name no request left out.

    Beside the columns of `gatebench.sample.ATTEMPT`: `number` in its request from 0, `again` (its request has been at this
    provider before), `pause_ns` since the latest end of those before (NaN for the first), and `beside` (it is a hedge).
    """
    mine = attempts[(attempts["sample"] >= 0) & (attempts["kind"] != "canary")]
    mine = mine.sort_values(["sample", "arrived_ns"], kind="stable")
    never_ns = int(mine["arrived_ns"].max()) + _LONG_NS if len(mine) else 0
    ended_ns = mine["ended_ns"].where(mine["end"] != "in_flight", never_ns)
    latest_ns = ended_ns.groupby(mine["sample"]).cummax().groupby(mine["sample"]).shift()
    pause_ns = (mine["arrived_ns"] - latest_ns).astype(np.float64)
    return mine.assign(
        number=mine.groupby("sample").cumcount(),
        again=mine.groupby(["sample", mine["provider"].astype(str)]).cumcount() > 0,
        pause_ns=pause_ns,
        beside=pause_ns < -OVERLAP_NS,
    )


def earlier(attempts: pd.DataFrame, marked: pd.Series[bool]) -> pd.Series[bool]:
    """Tell of each attempt whether one before it in its request is marked, and had ended when it arrived."""
    ended_ns = attempts["ended_ns"].where(marked, np.iinfo(np.int64).max)
    first_ns = ended_ns.groupby(attempts["sample"]).cummin().groupby(attempts["sample"]).shift()
    return first_ns.fillna(np.inf) <= attempts["arrived_ns"]


def retry_after_ns(tables: RunTables, attempts: pd.DataFrame) -> pd.Series[float]:
    """Return when each attempt's provider said to come back, NaN where it said nothing; from the faults' parameters."""
    waits = {
        fault.planned.id: float(fault.planned.parameters.get("retry_after_s", 0) or 0) * 1e9 for fault in tables.faults
    }
    told = attempts["fault"].astype(str).map(waits).astype(np.float64)
    return (attempts["ended_ns"] + told).where((told > 0) & (attempts["status"] == 429))
