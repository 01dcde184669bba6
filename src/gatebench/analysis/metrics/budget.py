"""Error budgets, and answers that are worse than they should be: what an outage cost, and what a fallback hid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatebench.analysis.columns import among, positions, values_of
from gatebench.analysis.makers import no_attempts
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, outage_metric, unknown
from gatebench.analysis.metrics.shares import not_good, share
from gatebench.analysis.windows import Outage
from gatebench.stats import JUDGED, SHOWN, Interval, wilson

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

LEAST: Final = 20


def bad_since(scope: Scope) -> pd.DataFrame:
    """Rows due from the first t0 on that were not good, the slowest first."""
    if not scope.tables.outages:
        return scope.rows.iloc[:0]
    outage = scope.tables.outages[0]
    return not_good(Scope(scope.tables, scope.tables.due_between(outage.t0_ns, outage.until_ns)))


@outage_metric(unit="ratio", better="lower", title="Burn rate", offenders=bad_since)
def burn_rate(tables: RunTables, outage: Outage) -> Measured:
    """(1 - availability in F) ÷ (1 - the scenario's objective of availability): how many times as fast as allowed the error
    budget burns while the fault is on (Google's SRE workbook, "Alerting on SLOs"); Wilson's interval; at least 20 requests.
    """
    rows = tables.during(outage)
    if len(rows) < LEAST:
        return unknown(f"it takes {LEAST} requests during the fault; here are {len(rows)}", len(rows))
    allowed = 1 - tables.plan.objective.availability
    bad = int((~rows["good"]).sum())
    shown, judged = (wilson(bad, len(rows), confidence) for confidence in (SHOWN, JUDGED))
    return known(
        bad / len(rows) / allowed,
        len(rows),
        shown=Interval(shown.low / allowed, shown.high / allowed),
        judged=Interval(judged.low / allowed, judged.high / allowed),
        confidence=SHOWN,
        why=f"{bad} of {len(rows)} requests were not good, of which {allowed:.2%} are allowed",
    )


@outage_metric(unit="requests", better="lower", title="Budget burnt", judged="exact", offenders=bad_since)
def budget_burnt(tables: RunTables, outage: Outage) -> Measured:
    """Requests due from t0 to the end of the recovery (the next outage, or the end of the load) that were not good: what the
    outage took of the error budget; at least 20 requests.
    """
    rows = tables.due_between(outage.t0_ns, outage.until_ns)
    if len(rows) < LEAST:
        return unknown(f"it takes {LEAST} requests from the fault on; here are {len(rows)}", len(rows))
    return known(float((~rows["good"]).sum()), len(rows))


def degraded(scope: Scope) -> pd.DataFrame:
    """Complete answers that nobody made for their request: from a cache, or without any provider."""

    def find() -> pd.DataFrame:
        rows = scope.rows[scope.rows["complete"]]
        attempts = scope.tables.attempts
        if attempts is None:
            return rows.iloc[:0]
        if attempts.empty:
            return rows
        place = values_of(rows, "made_by")
        made_for = values_of(attempts, "sample")[place]  # -1, nobody, is the last one's, and does not count
        own = (place >= 0) & ((made_for < 0) | (made_for == positions(rows)))
        others: pd.DataFrame = rows[~own]
        return others

    return scope.kept("degraded", find)


@metric(unit="share", better="lower", title="Degraded answers", offenders=degraded)
def degraded_share(scope: Scope) -> Measured:
    """Complete answers that no provider made for their request (an older answer from a cache, or a canned one without a stamp)
    ÷ complete answers. Where a cache is on in fair weather too, compare with the baseline. At least 20 answers.
    """
    reason = no_attempts(scope.tables)
    if reason or scope.tables.bypassed:
        return unknown(reason or "no answer came from our providers")
    complete = int(scope.rows["complete"].sum())
    if complete < LEAST:
        return unknown(f"it takes {LEAST} complete answers; here are {complete}", complete)
    return share(len(degraded(scope)), complete)


@metric(unit="share", better="higher", title="Availability without degraded answers", offenders=degraded)
def full_availability(scope: Scope) -> Measured:
    """Good answers that a provider made for their request ÷ sent; availability counts degraded ones as good. At least 20."""
    reason = no_attempts(scope.tables)
    if reason or scope.tables.bypassed:
        return unknown(reason or "no answer came from our providers")
    if len(scope.rows) < LEAST:
        return unknown(f"it takes {LEAST} requests; here are {len(scope.rows)}", len(scope.rows))
    full = scope.rows["good"] & ~among(scope.rows, degraded(scope).index)
    return share(int(full.sum()), len(scope.rows))
