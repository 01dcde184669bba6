"""What a fault did to the service as a whole, and how long after its end the service was itself again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import numbers, values_of
from gatebench.analysis.metrics.latency import BOTH_SIDES, PERCENTILES, at_percentile, ratio
from gatebench.analysis.metrics.moments import HELD_WINDOWS, WINDOW_ROWS, first_held, sliding_at_most, sliding_share
from gatebench.analysis.metrics.registry import Measured, Scope, censored, known, outage_metric, unknown
from gatebench.analysis.metrics.shares import not_good
from gatebench.analysis.windows import Outage
from gatebench.stats import JUDGED, SHOWN, BlockBootstrap, Interval, block_share_interval, wilson

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

NO_BASELINE = "there is no baseline to compare with"


def after(scope: Scope) -> pd.DataFrame:
    """The rows after the end of the fault that were not good, the slowest first; else the slowest ones."""
    if not scope.tables.outages:
        return scope.rows.iloc[:0]
    outage = scope.tables.outages[0]
    rows = scope.tables.due_between(outage.t1_ns, outage.until_ns)
    bad = not_good(Scope(scope.tables, rows))
    return bad if len(bad) else rows.sort_values("response_ms", ascending=False, kind="stable")


@outage_metric(unit="s", better="lower", title="Time to recover", offenders=after)
def time_to_recover_s(tables: RunTables, outage: Outage) -> Measured:
    """t_rec - t1. t_rec is the start (due time of the first row) of the first window of 500 rows whose availability is
    at least the lower and whose p99 is at most the upper bound of the baseline's own interval (block bootstrap, alpha =
    0.001), held for three adjoining windows. Not reached, it is above the last start from which three windows could
    have held. The interval is that of a window's size: a window of w rows beside a baseline of n varies like a resample
    of 1 / (1/w + 1/n) rows. To the bound of the p99 comes the lateness that the plan allows our own generator
    (`dispatch_limit_ms`): a run may be valid with that much of it in its response times, so a smaller difference is not
    shown to be the target's.
    """
    return tables.kept(("recovered", outage), lambda: _recovered(tables, outage))


def _recovered(tables: RunTables, outage: Outage) -> Measured:
    if not outage.cleared:
        return unknown("the end of the fault is not recorded")
    usual = tables.baseline
    if usual.empty:
        return unknown(NO_BASELINE)
    alike = max(1, round(1 / (1 / WINDOW_ROWS + 1 / len(usual))))
    p99_ms = BlockBootstrap(numbers(usual["response_ms"]), PERCENTILES["p99"], alike).interval(JUDGED)
    if math.isinf(p99_ms.high):
        return unknown(f"the baseline's {len(usual)} rows are too few for an upper bound of their p99", len(usual))
    most_ms = p99_ms.high + tables.plan.load.dispatch_limit_ms
    least = block_share_interval(usual["good"].to_numpy(), JUDGED, alike).low
    rows = tables.due_between(outage.t1_ns, outage.until_ns)
    since_s = numbers(rows["due_s"]) - outage.t1_ns / 1e9
    holds = (sliding_share(rows["good"].to_numpy(), WINDOW_ROWS) >= least) & sliding_at_most(
        numbers(rows["response_ms"]), WINDOW_ROWS, PERCENTILES["p99"], most_ms
    )
    what = (
        f"recovery (availability ≥ {least:.4f} and p99 ≤ {most_ms:.1f} ms: the baseline's bound of {p99_ms.high:.1f} ms and "
        f"{tables.plan.load.dispatch_limit_ms:g} ms that may be our own lateness)"
    )
    return first_held(holds, since_s, WINDOW_ROWS, HELD_WINDOWS, what)


@outage_metric(unit="s", better="lower", title="Outage gap", judged="exact")
def outage_gap_s(tables: RunTables, outage: Outage) -> Measured:
    """Longest time between consecutive good completions that touches [t0, recovery]; recovery is t_rec when it was
    reached, else the end of what was observed.
    """
    recovered = time_to_recover_s(tables, outage)
    end_s = outage.until_ns / 1e9
    if recovered.status == "known" and recovered.value is not None:
        end_s = outage.t1_ns / 1e9 + recovered.value
    done_ns = values_of(tables.load, "done_ns")[values_of(tables.load, "good")]
    if len(done_ns) == 0:
        return unknown("no request was good")
    gaps = _touching(done_ns, tables.start_ns + outage.t0_ns, tables.start_ns + round(end_s * 1e9)) / 1e9
    longest_s = float(gaps.max(initial=0.0))
    open_s = min(end_s, tables.end_ns / 1e9) - (int(done_ns.max()) - tables.start_ns) / 1e9
    if open_s > longest_s:
        return censored(open_s, "nothing was good from then to the end of the load", len(done_ns))
    return known(longest_s, len(gaps)) if len(gaps) else unknown("fewer than two good completions touch the fault")


def _touching(done_ns: npt.NDArray[np.int64], start_ns: int, end_ns: int) -> npt.NDArray[np.int64]:
    """Return the gaps between neighbours in time whose interval meets [start, end]."""
    before, behind = done_ns < start_ns, done_ns > end_ns
    found = [np.sort(done_ns[~before & ~behind])]
    if before.any():  # the last one before it, and the first one after it
        found.insert(0, done_ns[before].max(keepdims=True))
    if behind.any():
        found.append(done_ns[behind].min(keepdims=True))
    done = np.concatenate(found)
    return done[1:] - done[:-1]


@outage_metric(unit="ratio", better="higher", title="Goodput ratio")
def goodput_ratio(tables: RunTables, outage: Outage) -> Measured:
    """Good answers per second in F ÷ in B at the same offered load: both sides are divided by what was
    offered to them.
    """
    during, usual = tables.during(outage), tables.baseline
    if usual.empty or not usual["good"].any():
        return unknown(NO_BASELINE)
    if during.empty:
        return unknown("no request was due during the fault")

    def ends(confidence: float) -> Interval:
        half = (1 + confidence) / 2
        now = wilson(int(during["good"].sum()), len(during), half)
        before = wilson(int(usual["good"].sum()), len(usual), half)
        return Interval(now.low / before.high, now.high / before.low)

    value = float(during["good"].mean()) / float(usual["good"].mean())
    return known(value, len(during), shown=ends(SHOWN), judged=ends(JUDGED), confidence=SHOWN, why=BOTH_SIDES)


def _inflation(tables: RunTables, outage: Outage, name: str) -> Measured:
    during, usual = numbers(tables.during(outage)["response_ms"]), numbers(tables.baseline["response_ms"])
    now, before = at_percentile(during, name), at_percentile(usual, name)
    if now.value is None or before.value is None:
        return unknown(now.why if now.value is None else f"in the baseline, {before.why}")
    if before.value <= 0:
        return unknown("the baseline's percentile is 0")
    return known(
        now.value / before.value,
        len(during),
        shown=ratio(during, usual, PERCENTILES[name], SHOWN),
        judged=ratio(during, usual, PERCENTILES[name], JUDGED),
        confidence=SHOWN,
        why=BOTH_SIDES,
    )


@outage_metric(unit="ratio", better="lower", title="Inflation of p50")
def tail_inflation_p50(tables: RunTables, outage: Outage) -> Measured:
    """p50 of the response time in F ÷ in B."""
    return _inflation(tables, outage, "p50")


@outage_metric(unit="ratio", better="lower", title="Inflation of p95")
def tail_inflation_p95(tables: RunTables, outage: Outage) -> Measured:
    """p95 of the response time in F ÷ in B."""
    return _inflation(tables, outage, "p95")


@outage_metric(unit="ratio", better="lower", title="Inflation of p99")
def tail_inflation_p99(tables: RunTables, outage: Outage) -> Measured:
    """p99 of the response time in F ÷ in B."""
    return _inflation(tables, outage, "p99")
