"""Circuit breakers while they are open: how fast they fail, what leaks, how they probe, when they close, what they save."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.breakers import UNFINISHED_NS, Watched, watched
from gatebench.analysis.columns import numbers
from gatebench.analysis.metrics.breaker import NOT_OPENED, on_the_faulty
from gatebench.analysis.metrics.latency import at_percentile
from gatebench.analysis.metrics.registry import Measured, Scope, censored, known, outage_metric, unknown
from gatebench.analysis.metrics.work import no_ledger
from gatebench.analysis.windows import Outage
from gatebench.stats import Interval

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

LEAST_OPEN: Final = 100
LEAST_COST_MS: Final = 50.0
_CYCLES: Final = 1.5


def _opened(tables: RunTables, outage: Outage) -> Watched | str:
    seen = watched(tables, outage)
    if isinstance(seen, str):
        return seen
    return seen if seen.opening is not None else NOT_OPENED


def _open_since(seen: Watched) -> int:
    assert seen.opening is not None  # noqa: S101 - _opened returned it
    return seen.opening.at_ns


def _fast_failed(tables: RunTables, seen: Watched) -> pd.DataFrame:
    rows = tables.load[(tables.load["attempts"] == 0) & (tables.load["outcome"] != "unsent")]
    sent_ns = rows["sent_ns"].to_numpy(np.int64) - tables.start_ns
    return rows[(sent_ns >= _open_since(seen)) & (sent_ns < seen.t1_ns)]


def slow_to_fail(scope: Scope) -> pd.DataFrame:
    """Rows that no provider saw while the breaker was open, the slowest first."""
    outages = scope.tables.outages
    seen = _opened(scope.tables, outages[0]) if outages else ""
    if isinstance(seen, str):
        return scope.rows.iloc[:0]
    return _fast_failed(scope.tables, seen).sort_values("response_ms", ascending=False, kind="stable")


def _fast_fail(tables: RunTables, outage: Outage, name: str) -> Measured:
    seen = _opened(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    reason = no_ledger(tables)
    if reason:
        return unknown(reason)
    rows = _fast_failed(tables, seen)
    if rows.empty:
        return unknown("every request that was sent while the breaker was open reached some provider")
    return at_percentile(numbers(rows["response_ms"]), name)


@outage_metric(unit="ms", better="lower", title="Fast fail p50", offenders=slow_to_fail)
def fast_fail_p50_ms(tables: RunTables, outage: Outage) -> Measured:
    """p50 of the response time of requests sent in [t_open, t1) that no provider saw."""
    return _fast_fail(tables, outage, "p50")


@outage_metric(unit="ms", better="lower", title="Fast fail p99", offenders=slow_to_fail)
def fast_fail_p99_ms(tables: RunTables, outage: Outage) -> Measured:
    """p99 of the response time of requests sent in [t_open, t1) that no provider saw; at least 100 of them."""
    return _fast_fail(tables, outage, "p99")


@outage_metric(unit="share", better="lower", title="Leak", judged="exact", offenders=on_the_faulty)
def breaker_leak(tables: RunTables, outage: Outage) -> Measured:
    """Arrivals at the faulted provider in [t_open, t1) that came before four fifths of the declared open time were over,
    so that they are no half-open probes ÷ requests sent meanwhile, of which there must be at least 100. Must be 0.
    """
    seen = _opened(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    if seen.open_ns is None:
        return unknown("nobody declares the open time, without which a probe cannot be told from a leak")
    requests = seen.asked_between(_open_since(seen), seen.t1_ns)
    if requests < LEAST_OPEN:
        return unknown(f"it takes {LEAST_OPEN} requests while the breaker is open; here are {requests}", requests)
    leaked = sum(at_ns < seen.t1_ns for at_ns in seen.story.leaks)
    return known(leaked / requests, requests, why=f"{leaked} of {requests} requests")


@outage_metric(unit="probes", better="neither", title="Probes a cycle", judged="exact", offenders=on_the_faulty)
def probes_per_cycle(tables: RunTables, outage: Outage) -> Measured:
    """The most requests that a half-open breaker let through before the first verdict on one of them. 0 when it stayed open
    for more than one and a half times the declared open time without trying.
    """
    seen = _opened(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    if seen.bursts:
        return known(float(max(burst.probes for burst in seen.bursts)), len(seen.bursts))
    stayed_ns = seen.t1_ns - _open_since(seen)
    if seen.open_ns is None or stayed_ns < _CYCLES * seen.open_ns:
        return unknown("the fault ended before a half-open probe could be expected")
    return known(0.0, 0, why=f"no probe in {stayed_ns / 1e9:.1f} s, which is {stayed_ns / seen.open_ns:.1f} open times")


def _open_times(seen: Watched) -> list[float]:
    return [burst.open_ns / 1e9 for burst in seen.story.bursts]


@outage_metric(unit="s", better="neither", title="Open time", judged="exact", offenders=on_the_faulty)
def open_time_s(tables: RunTables, outage: Outage) -> Measured:
    """Median over the cycles of (first half-open probe - when the breaker opened): the first request refused, or the
    verdict on the probe before. The shown interval is from the shortest to the longest.
    """
    seen = _opened(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    times_s = _open_times(seen)
    if not times_s:
        return unknown("no half-open probe was seen")
    return known(statistics.median(times_s), len(times_s), shown=Interval(min(times_s), max(times_s)))


@outage_metric(unit="ratio", better="neither", title="Open time by the declared one", judged="exact")
def open_time_ratio(tables: RunTables, outage: Outage) -> Measured:
    """open_time_s ÷ the declared open time; a little above 1, for a probe needs a request to ride on."""
    seen = _opened(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    times_s = _open_times(seen)
    if seen.open_ns is None or not times_s:
        return unknown("nobody declares the open time" if times_s else "no half-open probe was seen")
    wanted_s = seen.open_ns / 1e9
    span = Interval(min(times_s) / wanted_s, max(times_s) / wanted_s)
    return known(statistics.median(times_s) / wanted_s, len(times_s), shown=span)


@outage_metric(unit="s", better="lower", title="Time to close")
def time_to_close_s(tables: RunTables, outage: Outage) -> Measured:
    """t_close - t1. t_close is the first arrival at the provider after which requests went on arriving, in the last closing
    of the breaker; time_to_failback_s says when its share was back. Above the observed time when it stayed open.
    """
    seen = _opened(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    if not outage.cleared:
        return unknown("the end of the fault is not recorded")
    requests = seen.asked_between(seen.t1_ns, seen.until_ns)
    openings, closings = seen.story.openings, seen.story.closings
    if not closings or openings[-1].at_ns > closings[-1]:
        return censored((seen.until_ns - seen.t1_ns) / 1e9, "the breaker did not close while it was observed", requests)
    value_s = max(0, closings[-1] - seen.t1_ns) / 1e9
    last = seen.arrived_between(0, closings[-1])
    before_ns = int(seen.arrivals.arrived_ns[last.stop - 1]) if last.stop else seen.t1_ns
    low_s = min(value_s, max(0, before_ns - seen.t1_ns) / 1e9)
    return known(
        value_s, requests, shown=Interval(low_s, value_s), why="the interval is the resolution: the arrival before"
    )


@outage_metric(unit="share", better="higher", title="Work saved", judged="exact", offenders=slow_to_fail)
def work_saved_share(tables: RunTables, outage: Outage) -> Measured:
    """1 - (time of attempts at the faulted provider + time of requests that no provider saw) ÷ (the provider's share ×
    requests × the mean time of an attempt there in [t0, t_open)), all in [t_open, t1): what of the waiting the breaker
    spared. Unknown where a failing attempt takes less than 50 ms: there is nothing to spare.
    """
    seen = _opened(tables, outage)
    if isinstance(seen, str):
        return unknown(seen)
    reason = no_ledger(tables)
    if reason:
        return unknown(reason)
    took_ns = np.minimum(seen.arrivals.ended_ns, seen.t1_ns) - seen.arrivals.arrived_ns
    before = seen.arrived_between(seen.t0_ns, _open_since(seen))
    ended = seen.arrivals.ended_ns[before] != UNFINISHED_NS
    if not ended.any():
        return unknown("no attempt of before the opening ended, so nobody knows what one costs")
    cost_ms = float(took_ns[before][ended].mean()) / 1e6
    if cost_ms < LEAST_COST_MS:
        return unknown(f"a failing attempt takes {cost_ms:.1f} ms: there is no waiting to be spared")
    requests = seen.asked_between(_open_since(seen), seen.t1_ns)
    without_ms = seen.share * requests * cost_ms
    if requests < LEAST_OPEN:
        return unknown(f"it takes {LEAST_OPEN} requests while the breaker is open; here are {requests}", requests)
    with_ms = float(took_ns[seen.arrived_between(_open_since(seen), seen.t1_ns)].sum()) / 1e6
    with_ms += float(_fast_failed(tables, seen)["response_ms"].sum())
    return known(1 - with_ms / without_ms, requests, why=f"a failing attempt takes {cost_ms:.0f} ms")
