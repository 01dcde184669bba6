"""Load shedding: whether goodput holds beyond the capacity, how fast a refusal is, and whether the right ones are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import values_of
from gatebench.analysis.metrics.latency import distribution
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.shares import share
from gatebench.analysis.metrics.work import no_ledger
from gatebench.oracles.priorities import RANKS, inversions

if TYPE_CHECKING:
    import pandas as pd

LEAST: Final = 20
LEAST_FOR_PLATEAU: Final = 100
_SHED: Final = (429, 503)


def _shed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were refused without any provider being asked."""
    status = values_of(rows, "status")
    found: pd.DataFrame = rows[((status == _SHED[0]) | (status == _SHED[1])) & (values_of(rows, "attempts") == 0)]
    return found


@distribution("shed", "Response time of shed requests", quiet=True)
def shed_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """done - due of the answers 429 and 503 for which no provider was asked; without a ledger of all of them."""
    return _shed(rows)["response_ms"]


def shed(scope: Scope) -> pd.DataFrame:
    """Rows that were refused without any provider being asked."""
    return _shed(scope.rows)


@metric(unit="share", better="neither", title="Shed requests", offenders=shed)
def shed_share(scope: Scope) -> Measured:
    """Answers 429 and 503 for which no provider was asked ÷ sent; at least 20 requests."""
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    if len(scope.rows) < LEAST:
        return unknown(f"it takes {LEAST} requests; here are {len(scope.rows)}", len(scope.rows))
    return share(len(_shed(scope.rows)), len(scope.rows))


@metric(unit="ratio", better="higher", title="Plateau", judged="exact", quiet=True)
def plateau(scope: Scope) -> Measured:
    """Good answers a second in this phase ÷ in the baseline, whatever was offered in either: the baseline offers what the
    capacity is, the phase a multiple of it; 1 where goodput holds, towards 0 where it collapses. At least 100 good ones there.
    """
    if scope.phase is None or scope.rows.empty:
        return unknown("asked of a phase, beside the baseline")
    tables = scope.tables
    usual, length_s = tables.baseline, tables.length_s(scope.phase)
    if scope.route is not None:
        usual = usual[usual["route"] == scope.route]
    usual_s = sum(window.length_s for window in tables.windows if window.role == "baseline")
    before = int(usual["good"].sum())
    if not length_s or usual_s <= 0 or before < LEAST_FOR_PLATEAU:
        return unknown(f"it takes {LEAST_FOR_PLATEAU} good answers in the baseline; here are {before}", before)
    return known(float(scope.rows["good"].sum()) / length_s / (before / usual_s), len(scope.rows))


def _ranked(scope: Scope) -> pd.Series[int]:
    """Return the rank of each row's priority, by the header that its route sends; normal without one."""
    ranks = {
        route.name: RANKS.get(route.headers.get("x-priority", "normal"), 1)
        for route in scope.tables.plan.traffic.routes
    }
    return scope.rows["route"].astype(str).map(ranks).fillna(1).astype(np.int64)


def inverted(scope: Scope) -> pd.DataFrame:
    """Rows that were shed while a less important one was let in."""
    rank, refused = _ranked(scope), _shed(scope.rows)
    let_in = scope.rows[scope.rows["attempts"] > 0]
    flags = inversions(
        refused["sent_ns"].to_numpy(np.int64),
        rank[refused.index].to_numpy(np.int64),
        let_in["sent_ns"].to_numpy(np.int64),
        rank[let_in.index].to_numpy(np.int64),
    )
    return refused[flags]


@metric(unit="share", better="lower", title="Priority inversions", judged="exact", offenders=inverted, quiet=True)
def priority_inversions(scope: Scope) -> Measured:
    """Requests that were shed although a request of a lower priority was let in within 20 ms of them ÷ requests that were not
    of the lowest priority. Priorities are those that the routes send as x-priority. At least 20 shed requests in all.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    if len({route.headers.get("x-priority", "normal") for route in scope.tables.plan.traffic.routes}) < 2:
        return unknown("the traffic has but one priority")
    rank = _ranked(scope)
    if rank.nunique() < 2:
        return unknown("the traffic has but one priority")
    refused = len(_shed(scope.rows))
    if refused < LEAST:
        return unknown(f"it takes {LEAST} shed requests; here are {refused}", refused)
    important = int((rank > rank.min()).sum())
    found = len(inverted(scope))
    return known(found / important, important, why=f"{found} of {important} requests of a higher priority")
