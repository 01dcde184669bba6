"""The attempts of each request in order: which came after which, at the same provider or elsewhere, one by one or at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import is_any, parts, tally, values_of

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

OVERLAP_NS: Final = 5_000_000
"""A further attempt that begins so long before the one before ended runs beside it: a hedge. A provider may learn a little
late that it was left.
"""

_LONG_NS: Final = 10**12


def in_order(attempts: pd.DataFrame) -> pd.DataFrame:
    """Return the attempts, those of one request in order of arrival, canaries and those that name no request left out.

    Beside the columns of `gatebench.sample.ATTEMPT`: `number` in its request from 0, `again` (its request has been at this
    provider before), `pause_ns` since the latest end of those before (NaN for the first), and `beside` (it is a hedge).
    """
    from gatebench.analysis.origins import Spread
    from gatebench.analysis.rows import Rows  # here, for who only asks for names pays for no pandas

    sample = values_of(attempts, "sample")
    mine = attempts[(sample >= 0) & ~is_any(values_of(attempts, "kind"), ("canary",))]
    sample = np.asarray(values_of(mine, "sample"))
    several = np.empty(0, np.int64)
    if len(sample):
        many = tally(sample, int(sample.max()) + 1) > 1
        several = np.flatnonzero(np.concatenate([many[sample[part]] for part in parts(len(sample))]))
    never_ns = int(values_of(mine, "arrived_ns").max()) + _LONG_NS if len(mine) else 0
    told = _told(mine.iloc[several], never_ns)
    order = _by_request(sample, values_of(mine, "arrived_ns"), several)
    ordered = mine if order is None else mine.iloc[order]
    usual = {"number": np.int16(0), "again": np.False_, "beside": np.False_, "pause_ns": np.float64(np.nan)}
    if isinstance(ordered, Rows):  # whose columns are made when asked for; of most there is nothing to tell
        places = told.index.to_numpy()
        spread = {name: Spread(places, told[name].to_numpy(), nothing) for name, nothing in usual.items()}
        return ordered.with_columns(spread)
    place = np.arange(len(sample))
    if order is not None:
        place[order] = np.arange(len(sample))
    further = place[np.searchsorted(mine.index.to_numpy(), told.index.to_numpy())] if len(told) else place[:0]
    columns = {name: np.full(len(sample), nothing) for name, nothing in usual.items()}
    for name, values in columns.items():
        values[further] = told[name].to_numpy()
    found: pd.DataFrame = ordered.assign(**columns)
    return found


def _by_request(
    sample: npt.NDArray[np.integer[Any]], arrived_ns: npt.NDArray[np.int64], several: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64] | None:
    """Return the order by request, and by arrival within one; None when the `several` of one request stand in it as they are."""
    own = sample[several]
    order = np.lexsort((arrived_ns[several], own))
    if (np.diff(order)[np.diff(own[order]) == 0] > 0).all():
        return None
    return np.lexsort((arrived_ns, sample))


def _told(mine: pd.DataFrame, never_ns: int) -> pd.DataFrame:
    """Return what is to tell of attempts that were not alone, in order."""
    mine = mine[["sample", "arrived_ns", "ended_ns", "end", "provider"]].sort_values(
        ["sample", "arrived_ns"], kind="stable"
    )
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


def asks_to_wait(tables: RunTables) -> bool:
    """Tell whether any fault of the run makes providers name a Retry-After."""
    return any(float(fault.planned.parameters.get("retry_after_s", 0) or 0) > 0 for fault in tables.faults)


def retry_after_ns(tables: RunTables, attempts: pd.DataFrame) -> pd.Series[float]:
    """Return when each attempt's provider said to come back, NaN where it said nothing; from the faults' parameters."""
    waits = {
        fault.planned.id: float(fault.planned.parameters.get("retry_after_s", 0) or 0) * 1e9 for fault in tables.faults
    }
    told = attempts["fault"].astype(str).map(waits).astype(np.float64)
    return (attempts["ended_ns"] + told).where((told > 0) & (attempts["status"] == 429))
