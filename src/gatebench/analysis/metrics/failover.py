"""Failover and failback: how long until somebody else answers, how well, at what cost, and until the first is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.metrics.latency import BOTH_SIDES, at_percentile, difference
from gatebench.analysis.metrics.moments import HELD_WINDOWS, SHARE_WINDOW_ROWS, first_held, sliding_share
from gatebench.analysis.metrics.registry import Measured, Scope, censored, known, outage_metric, unknown
from gatebench.analysis.metrics.shares import share as share_of
from gatebench.analysis.windows import Outage
from gatebench.stats import JUDGED, SHOWN, Interval

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

PRIMARY_SHARE: Final = 0.9
KEPT_SHARE: Final = 0.95
LEAST_BASELINE: Final = 20


def share_in_baseline(tables: RunTables, provider: str) -> float | None:
    """Return the share of the baseline's answers that `provider` made; None when fewer than 20 carry a stamp."""
    answered = tables.baseline[tables.baseline["complete"] & tables.baseline["provider"].notna()]
    return float((answered["provider"] == provider).mean()) if len(answered) >= LEAST_BASELINE else None


def cannot_tell(tables: RunTables, outage: Outage) -> str:
    """Return why it cannot be said who serves instead of the faulted provider, or an empty text when it can."""
    if not tables.has_stamps:
        return f'at the level of evidence "{tables.plan.evidence}" answers do not say which provider made them'
    if outage.spells > 1:
        return f"the phase holds {outage.spells} stretches of faults, so there is no one moment at which to fail over"
    if outage.provider is None:
        return "the fault does not sit on one provider, so there is no elsewhere to fail over to"
    share = share_in_baseline(tables, outage.provider)
    if share is None:
        return f"fewer than {LEAST_BASELINE} answers of the baseline say who made them"
    if share < PRIMARY_SHARE:
        return (
            f"{outage.provider} made {share:.0%} of the baseline's answers, so an answer from elsewhere does not show a "
            f"failover; it takes at least {PRIMARY_SHARE:.0%}"
        )
    return ""


def elsewhere(rows: pd.DataFrame, outage: Outage) -> pd.Series[bool]:
    """Tell which rows were good and made by another provider than the faulted one."""
    return rows["good"] & rows["provider"].notna() & (rows["provider"] != outage.provider)


def not_elsewhere(scope: Scope) -> pd.DataFrame:
    """The first rows after t0 that were not served well by another provider."""
    if not scope.tables.outages:
        return scope.rows.iloc[:0]
    outage = scope.tables.outages[0]
    rows = scope.tables.due_between(outage.t0_ns, outage.t1_ns)
    return rows[~elsewhere(rows, outage)]


@outage_metric(unit="s", better="lower", title="Failover time", offenders=not_elsewhere)
def failover_time_s(tables: RunTables, outage: Outage) -> Measured:
    """Due time of the first good request after t0 that another provider served - t0. Another is not the faulted
    provider, which must have made at least 90 % of the baseline's answers. Its resolution is the distance to the
    request due before.
    """
    reason = cannot_tell(tables, outage)
    if reason:
        return unknown(reason)
    rows = tables.due_between(outage.t0_ns, outage.t1_ns)
    since_s = numbers(rows["due_s"]) - outage.t0_ns / 1e9
    length_s = (outage.t1_ns - outage.t0_ns) / 1e9
    there = elsewhere(rows, outage).to_numpy()
    if not there.any():
        return censored(length_s, "no request of the fault was served well by another provider", len(rows))
    first = int(np.argmax(there))
    low = float(since_s[first - 1]) if first else 0.0
    why = "the interval is the resolution: the distance to the request due before"
    return known(float(since_s[first]), len(rows), shown=Interval(low, float(since_s[first])), why=why)


@outage_metric(unit="s", better="lower", title="Failover time, sustained", offenders=not_elsewhere)
def failover_sustained_s(tables: RunTables, outage: Outage) -> Measured:
    """Start of the first window of 200 requests after t0 in which at least 95 % were good and served by another
    provider, held for three adjoining windows, - t0.
    """
    reason = cannot_tell(tables, outage)
    if reason:
        return unknown(reason)
    rows = tables.due_between(outage.t0_ns, outage.t1_ns)
    since_s = numbers(rows["due_s"]) - outage.t0_ns / 1e9
    flags = elsewhere(rows, outage).to_numpy()
    holds = sliding_share(flags, SHARE_WINDOW_ROWS) >= KEPT_SHARE
    return first_held(holds, since_s, SHARE_WINDOW_ROWS, HELD_WINDOWS, "a sustained failover")


@outage_metric(unit="share", better="higher", title="Failover coverage", offenders=not_elsewhere)
def failover_coverage(tables: RunTables, outage: Outage) -> Measured:
    """Good answers by other providers in F ÷ (the faulted provider's share in B × requests sent in F): of what the
    provider would have served, how much somebody else served well. At most 1.
    """
    reason = cannot_tell(tables, outage)
    if reason:
        return unknown(reason)
    rows = tables.due_between(outage.t0_ns, outage.t1_ns)
    share = share_in_baseline(tables, outage.provider or "") or 0.0
    concerned = round(share * len(rows))
    if concerned == 0:
        return unknown("no request was due during the fault")
    covered = min(concerned, int(elsewhere(rows, outage).sum()))
    return share_of(covered, concerned)


def _tax(tables: RunTables, outage: Outage, name: str, share: float) -> Measured:
    reason = cannot_tell(tables, outage)
    if reason:
        return unknown(reason)
    rows = tables.due_between(outage.t0_ns, outage.t1_ns)
    fallback = numbers(rows.loc[elsewhere(rows, outage), "response_ms"])
    usual = numbers(tables.baseline.loc[tables.baseline["good"], "response_ms"])
    now, before = at_percentile(fallback, name), at_percentile(usual, name)
    if now.value is None or before.value is None:
        return unknown(now.why if now.value is None else f"in the baseline, {before.why}")
    return known(
        now.value - before.value,
        len(fallback),
        shown=difference(fallback, usual, share, SHOWN),
        judged=difference(fallback, usual, share, JUDGED),
        confidence=SHOWN,
        why=BOTH_SIDES,
    )


@outage_metric(unit="ms", better="lower", title="Failover tax p50")
def failover_tax_p50_ms(tables: RunTables, outage: Outage) -> Measured:
    """p50 of the good answers by other providers in F - p50 of the good answers in B."""
    return _tax(tables, outage, "p50", 0.5)


@outage_metric(unit="ms", better="lower", title="Failover tax p99")
def failover_tax_p99_ms(tables: RunTables, outage: Outage) -> Measured:
    """p99 of the good answers by other providers in F - p99 of the good answers in B."""
    return _tax(tables, outage, "p99", 0.99)


@outage_metric(unit="s", better="lower", title="Time to failback")
def time_to_failback_s(tables: RunTables, outage: Outage) -> Measured:
    """Start of the first window of 200 requests after t1 in which the faulted provider made at least 95 % of its share
    in B, - t1.
    """
    reason = cannot_tell(tables, outage)
    if reason:
        return unknown(reason)
    if not outage.cleared:
        return unknown("the end of the fault is not recorded")
    share = share_in_baseline(tables, outage.provider or "") or 0.0
    rows = tables.due_between(outage.t1_ns, outage.until_ns)
    answered = rows[rows["complete"] & rows["provider"].notna()]
    flags = (answered["provider"] == outage.provider).to_numpy()
    since_s = numbers(answered["due_s"]) - outage.t1_ns / 1e9
    holds = sliding_share(flags, SHARE_WINDOW_ROWS) >= KEPT_SHARE * share
    return first_held(holds, since_s, SHARE_WINDOW_ROWS, 1, f"the return of {outage.provider}")
