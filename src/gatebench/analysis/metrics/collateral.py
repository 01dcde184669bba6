"""What a fault does to those whom it does not concern, and what it leaves behind in pools of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import among, is_any, numbers, values_of, words_of
from gatebench.analysis.metrics.latency import BOTH_SIDES, PERCENTILES, at_percentile, ratio
from gatebench.analysis.metrics.registry import Measured, Scope, known, outage_metric, unknown
from gatebench.analysis.windows import Outage
from gatebench.sample import NEVER
from gatebench.stats import JUDGED, SHOWN, Interval, wilson

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

LEAST: Final = 50
CONCERNED: Final = 0.05
_BROKEN: Final = ("reset", "eof", "refused", "malformed")


def _bystanders(tables: RunTables, outage: Outage) -> tuple[pd.DataFrame, pd.DataFrame] | str:
    """Return the rows of F and of B on routes that the faulted provider does not serve, or why there are none."""
    if outage.provider is None or not tables.has_stamps:
        return "it is not known which provider is faulted, or who made which answer"
    usual = tables.baseline
    answered = usual[usual["complete"] & usual["provider"].notna()]
    route = answered["route"].to_numpy(dtype=str) if answered["route"].dtype == object else answered["route"]
    served = (answered["provider"] == outage.provider).groupby(route, observed=True).mean()
    away = [route for route, part in served.items() if part <= CONCERNED]
    if not away:
        return f"every route is served by {outage.provider} in the baseline, so none is beside the fault"
    during = tables.during(outage)
    now, before = during[during["route"].isin(away)], usual[usual["route"].isin(away)]
    if min(len(now), len(before)) < LEAST:
        return f"it takes {LEAST} requests before and during the fault on routes beside it; here are {len(now)}"
    return now, before


def bystanders(scope: Scope) -> pd.DataFrame:
    """Rows of F on routes beside the fault that were not good."""
    outages = scope.tables.outages
    found = _bystanders(scope.tables, outages[0]) if outages else ""
    return scope.rows.iloc[:0] if isinstance(found, str) else found[0][~found[0]["good"]]


@outage_metric(unit="share", better="lower", title="Collateral loss of availability", offenders=bystanders)
def collateral_loss(tables: RunTables, outage: Outage) -> Measured:
    """Availability in B - in F on the routes of which the faulted provider makes at most 5 % in B; Wilson's intervals, each
    side with half of the error. At least 50 requests on each side.
    """
    found = _bystanders(tables, outage)
    if isinstance(found, str):
        return unknown(found)
    now, before = ((int(rows["good"].sum()), len(rows)) for rows in found)

    def ends(confidence: float) -> Interval:
        half = (1 + confidence) / 2
        in_f, in_b = wilson(*now, half), wilson(*before, half)
        return Interval(in_b.low - in_f.high, in_b.high - in_f.low)

    value = before[0] / before[1] - now[0] / now[1]
    return known(value, now[1], shown=ends(SHOWN), judged=ends(JUDGED), confidence=SHOWN, why=BOTH_SIDES)


@outage_metric(unit="ratio", better="lower", title="Collateral inflation of p99", offenders=bystanders)
def collateral_inflation_p99(tables: RunTables, outage: Outage) -> Measured:
    """p99 in F ÷ in B on the routes of which the faulted provider makes at most 5 % in B; at least 100 requests on each side."""
    found = _bystanders(tables, outage)
    if isinstance(found, str):
        return unknown(found)
    during, usual = (numbers(rows["response_ms"]) for rows in found)
    now, before = at_percentile(during, "p99"), at_percentile(usual, "p99")
    if now.value is None or before.value is None or before.value <= 0:
        return unknown(now.why or before.why, len(during))
    shown, judged = (ratio(during, usual, PERCENTILES["p99"], confidence) for confidence in (SHOWN, JUDGED))
    return known(now.value / before.value, len(during), shown=shown, judged=judged, confidence=SHOWN, why=BOTH_SIDES)


def _stale(tables: RunTables, outage: Outage) -> tuple[pd.DataFrame, int]:
    """Return rows of R that broke on old connections, and how many went over such."""
    rows = tables.due_between(outage.t1_ns, outage.until_ns)
    t1_ns = tables.start_ns + outage.t1_ns
    known = tables.at_target
    sent_ns = values_of(known, "sent_ns")
    before = known[(values_of(known, "connection") > 0) & (sent_ns != NEVER) & (sent_ns < t1_ns)]
    old = _over_the_same(rows, before, "worker")
    broken = old & is_any(values_of(rows, "cause"), _BROKEN)
    attempts = tables.attempts_for_target
    behind = np.zeros(len(rows), dtype=np.bool_)
    if attempts is not None:
        arrived_ns = values_of(attempts, "arrived_ns")
        hit = (arrived_ns >= t1_ns) & is_any(values_of(attempts, "end"), ("dropped", "error"))
        hit &= is_any(values_of(attempts, "fault"), ("",))
        late, early = attempts[hit], attempts[arrived_ns < t1_ns] if hit.any() else attempts.iloc[:0]
        held = _over_the_same(late, early, "provider")
        behind = among(rows, late.loc[held, "sample"])
    return rows[broken | (behind & ~rows["complete"].to_numpy())], int(old.sum())


def _over_the_same(rows: pd.DataFrame, others: pd.DataFrame, side: str) -> npt.NDArray[np.bool_]:
    """Tell which rows went over a connection of other rows: one of the same number of the same process, which counts its own."""
    found = np.zeros(len(rows), np.bool_)
    connections, of_others = values_of(rows, "connection"), values_of(others, "connection")
    if not len(rows) or not len(others):
        return found
    of, of_others_by = values_of(rows, side), values_of(others, side)
    # Workers are numbered, providers have names.
    numbered = isinstance(of_others_by, np.ndarray) and of_others_by.dtype.kind in "iu"
    for process in np.unique(of_others_by).tolist() if numbered else words_of(of_others_by):
        mine, theirs = (values == process if numbered else is_any(values, (process,)) for values in (of, of_others_by))
        used = np.zeros(int(max(connections.max(), of_others.max())) + 1, np.bool_)
        used[of_others[theirs]] = True
        found |= mine & used[connections]
    return found


def stale(scope: Scope) -> pd.DataFrame:
    """Rows of the recovery that broke on connections from before the end of the fault."""
    outages = scope.tables.outages
    return _stale(scope.tables, outages[0])[0] if outages else scope.rows.iloc[:0]


@outage_metric(unit="requests", better="lower", title="Errors on stale connections", judged="exact", offenders=stale)
def stale_pool_errors(tables: RunTables, outage: Outage) -> Measured:
    """Requests due in R that ended in a broken connection that was older than t1, the client's own or the gateway's to a
    provider that is well again: pools that keep what a fault has killed. At least 50 requests of R on older connections.
    """
    if not outage.cleared:
        return unknown("the end of the fault is not recorded")
    found, old = _stale(tables, outage)
    if old < LEAST:
        return unknown(
            f"it takes {LEAST} requests on connections from before the end of the fault; here are {old}", old
        )
    return known(float(len(found)), old)
