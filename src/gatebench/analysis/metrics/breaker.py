"""Circuit breakers: when they open, and whether they open when they should and only then.

All of it is read from the ledgers and the samples, see `gatebench.oracles.breaker`; no header and no metric of the
gateway is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.breakers import (
    LEAST_BASELINE,
    Watched,
    arrivals_at,
    asked_ns,
    missed_ns,
    share_of_requests,
    watched,
)
from gatebench.analysis.declared import declared_ns, declared_number
from gatebench.analysis.metrics.registry import Measured, Scope, censored, known, metric, outage_metric, unknown
from gatebench.analysis.windows import Outage
from gatebench.oracles.breaker import silences
from gatebench.stats import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from gatebench.analysis.tables import RunTables

NOT_OPENED: Final = "no breaker opened: requests went on arriving at the faulted provider"
PARTIAL: Final = 0.5
UNDECLARED_FAILURES: Final = 20
LEAST_SHARE: Final = 0.2


def on_the_faulty(scope: Scope) -> pd.DataFrame:
    """Rows due while the first fault was on that were sent to the faulted provider, the first ones first."""
    attempts, outages = scope.tables.attempts_for_target, scope.tables.outages
    if attempts is None or not outages:
        return scope.rows.iloc[:0]
    outage = outages[0]
    rows = scope.tables.due_between(outage.t0_ns, outage.t1_ns)
    there = attempts.loc[attempts["provider"] == outage.provider, "sample"]
    return rows[rows.index.isin(there)]


@outage_metric(unit="s", better="lower", title="Time to open", offenders=on_the_faulty)
def time_to_open_s(tables: RunTables, outage: Outage) -> Measured:
    """t_open - t0. t_open is when the first request was sent that did not arrive at the faulted provider, with so many
    after it (10, more where the provider has but a share of the load) that its breaker must be open. The interval is its
    resolution: the last arrival before. Above the length of the fault when it never opened.
    """
    seen = watched(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    requests = seen.asked_between(seen.t0_ns, seen.t1_ns)
    if seen.opening is None:
        return censored((seen.t1_ns - seen.t0_ns) / 1e9, NOT_OPENED, requests)
    value_s = max(0, seen.opening.at_ns - seen.t0_ns) / 1e9
    low_s = max(0.0, ((seen.opening.last_ns or seen.t0_ns) - seen.t0_ns) / 1e9)
    why = "the interval is the resolution: from the last arrival to the first request that did not arrive"
    return known(value_s, requests, shown=Interval(min(low_s, value_s), value_s), why=why)


def _to_open(seen: Watched) -> int | None:
    if seen.opening is None:
        return None
    there = seen.arrived_between(seen.t0_ns, seen.opening.at_ns)
    return int(there.stop) - int(there.start)


@outage_metric(unit="attempts", better="lower", title="Attempts to open", judged="exact", offenders=on_the_faulty)
def attempts_to_open(tables: RunTables, outage: Outage) -> Measured:
    """Arrivals at the faulted provider in [t0, t_open): what it took, and what was under way meanwhile."""
    seen = watched(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    count = _to_open(seen)
    return unknown(NOT_OPENED) if count is None else known(float(count), count)


@outage_metric(unit="ratio", better="lower", title="Overshoot", judged="exact", offenders=on_the_faulty)
def breaker_overshoot(tables: RunTables, outage: Outage) -> Measured:
    """Arrivals at the faulted provider in [t0, t_open) ÷ the declared number of failures that opens the breaker; 1 is a
    breaker that learns of each failure before the next request. With a rate declared instead, ÷ the least calls of it.
    """
    seen = watched(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    role = "least_calls" if tables.plan.declared.get("breaker", {}).get("mode") == "rate" else "failures"
    threshold = declared_number(tables, "breaker", role)
    if not threshold:
        return unknown("nobody declares how many failures open the breaker")
    count = _to_open(seen)
    return unknown(NOT_OPENED) if count is None else known(count / threshold, count)


@outage_metric(unit="trips", better="lower", title="Missed trip", judged="exact", offenders=on_the_faulty)
def missed_trip(tables: RunTables, outage: Outage) -> Measured:
    """1 when no breaker opened although the faulted provider failed at least as many attempts as are declared to open it,
    within the declared window (20 without a declaration), and at least half of all; 0 when one opened. Unknown when it
    failed fewer.
    """
    seen = watched(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    there = seen.arrived_between(seen.t0_ns, seen.t1_ns)
    count = there.stop - there.start
    if seen.opening is not None:
        return known(0.0, count)
    failed_ns = np.sort(seen.arrivals.ended_ns[there][~seen.arrivals.good[there]])
    needed = round(declared_number(tables, "breaker", "failures") or UNDECLARED_FAILURES)
    window_ns = declared_ns(tables, "breaker", "window") or (seen.t1_ns - seen.t0_ns)
    reached = len(failed_ns) >= needed and bool(
        (failed_ns[needed - 1 :] - failed_ns[: len(failed_ns) - needed + 1] < window_ns).any()
    )
    if not reached or len(failed_ns) < PARTIAL * count:
        return unknown(f"{len(failed_ns)} of {count} attempts failed, which need not open a breaker", count)
    return known(
        1.0, count, why=f"{len(failed_ns)} of {count} attempts at {outage.provider} failed and none was spared"
    )


@outage_metric(unit="flaps", better="lower", title="Flaps", judged="exact", offenders=on_the_faulty)
def breaker_flaps(tables: RunTables, outage: Outage) -> Measured:
    """Changes from closed to open from t0 on, beyond the one that each stretch of the fault explains. A breaker that
    closes after a probe that failed, or although the provider is as bad as before, opens again and again.
    """
    seen = watched(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    if seen.opening is None:
        return unknown(NOT_OPENED)
    openings = len(seen.story.openings)
    why = f"it opened {openings} times in {outage.spells} stretches of the fault"
    return known(float(max(0, openings - outage.spells)), openings, why=why)


def _refused(scope: Scope) -> pd.DataFrame:
    """Rows answered with a server error, in order of when they were sent."""
    rows = scope.tables.at_target
    return rows[rows["status"] >= 500].sort_values("sent_ns")


def _stretches(scope: Scope) -> Iterator[tuple[str, int, int]]:
    """Yield (provider, first request, last moment) of each stretch in which a healthy provider was left alone."""
    tables = scope.tables
    asked, refused_ns = asked_ns(tables), _refused(scope)["sent_ns"].to_numpy(np.int64) - tables.start_ns
    faulted = {place for fault in tables.faults for place in (fault.planned.on, fault.planned.via)}
    for provider in (one.name for one in tables.plan.providers):
        arrived_ns, share = arrivals_at(tables, provider).arrived_ns, share_of_requests(tables, provider)
        for window in tables.windows:
            if share is None or share < LEAST_SHARE or window.role != "baseline":
                continue
            edges = (window.start_ns, window.end_ns)
            for silence in silences(arrived_ns, asked, share, *edges, missed_ns=missed_ns(tables, provider)):
                yield provider, silence.first_ns, silence.next_ns or window.end_ns
        for outage in tables.outages if provider not in faulted else ():
            for silence in silences(arrived_ns, refused_ns, 1.0, outage.t0_ns, outage.t1_ns):
                served = np.diff(np.searchsorted(arrived_ns, (outage.t0_ns, silence.first_ns)))[0]
                if served:  # before, it did take over: that it no longer does is not for lack of a failover
                    yield provider, silence.first_ns, silence.next_ns or outage.t1_ns


def left_alone(scope: Scope) -> pd.DataFrame:
    """Rows sent while a breaker was open for a provider that was well."""
    rows = scope.tables.load
    sent_ns = rows["sent_ns"].to_numpy(np.int64) - scope.tables.start_ns
    mask = np.zeros(len(rows), dtype=np.bool_)
    for _, start_ns, end_ns in _stretches(scope):
        mask |= (sent_ns >= start_ns) & (sent_ns < end_ns)
    return rows[mask]


@metric(unit="trips", better="lower", title="False trips", judged="exact", offenders=left_alone, quiet=True)
def false_trips(scope: Scope) -> Measured:
    """Stretches in which a breaker was open for a provider that was well: in the baseline one with at least a fifth of the
    load that got none of it, and during a fault one without a fault that had taken over and then got nothing while
    requests (10 at least) were answered with server errors. Must be 0; at least 50 requests in the baseline.
    """
    tables = scope.tables
    if scope.phase is not None or scope.route is not None:
        return unknown("asked of the whole run only")
    if not tables.has_ledger:
        return unknown("the providers' ledger is not there in full")
    if len(tables.baseline) < LEAST_BASELINE:
        return unknown(f"it takes {LEAST_BASELINE} requests in the baseline to know who is asked", len(tables.baseline))
    found = list(_stretches(scope))
    why = "; ".join(f"{provider} from {start_ns / 1e9:.2f} s on" for provider, start_ns, _ in found[:5])
    return known(float(len(found)), len(tables.load), why=why)
