"""What requests cost upstream: attempts, executions, and calls to a provider that is known to be broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import is_any, is_ascending, values_of
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, outage_metric, unknown
from gatebench.analysis.metrics.shares import NO_ROWS
from gatebench.analysis.windows import Outage

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

LEAST_IN_A_SECOND: Final = 20
_S: Final = 1_000_000_000


def no_ledger(tables: RunTables) -> str:
    """Return why attempts cannot be counted, or an empty text when they can."""
    if tables.plan.evidence == "closed":
        return 'at the level of evidence "closed" requests carry no id, so attempts cannot be told apart by request'
    if not tables.has_ledger:
        return "the providers' ledger is not there in full"
    if tables.bypassed:
        return (
            "no request reached our providers although there are answers, so whatever the target did, nobody counted it"
        )
    if not tables.ids_arrive:
        return "request ids do not reach the providers, so attempts cannot be told apart by request"
    return ""


def invisible(scope: Scope) -> bool:
    """Tell whether attempts may have failed in this scope without any provider seeing them."""
    return any(
        not outage.attempts_visible and scope.phase in (None, outage.phase, "transition")
        for outage in scope.tables.outages
    )


INVISIBLE: Final = "under this fault attempts fail before a provider sees them, so the ledger does not hold them all"


def executed_twice(scope: Scope) -> pd.DataFrame:
    """Rows whose request was completed by more than one attempt."""
    return scope.rows[scope.rows["completed"] >= 2]


def costly(scope: Scope) -> pd.DataFrame:
    """Rows with the most attempts first, those with one attempt left out."""
    several = scope.rows[scope.rows["attempts"] >= 2]
    return several.sort_values("attempts", ascending=False, kind="stable")


@metric(unit="share", better="lower", title="Duplicate execution", judged="exact", offenders=executed_twice)
def duplicate_execution(scope: Scope) -> Measured:
    """Requests with at least two completed attempts ÷ requests: work done, and paid for, twice. An exact count."""
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    if scope.rows.empty:
        return unknown(NO_ROWS)
    twice = len(executed_twice(scope))
    return known(twice / len(scope.rows), len(scope.rows), why=f"{twice} of {len(scope.rows)} requests")


@metric(unit="ratio", better="lower", title="Amplification", judged="exact", offenders=costly)
def amplification(scope: Scope) -> Measured:
    """Attempts ÷ requests that were sent; 1 without retries and caches. Under a fault that hides attempts it is
    unknown.
    """
    reason = no_ledger(scope.tables)
    if reason or invisible(scope):
        return unknown(reason or INVISIBLE)
    sent = scope.rows[scope.rows["outcome"] != "unsent"]
    if sent.empty:
        return unknown(NO_ROWS)
    return known(float(sent["attempts"].sum()) / len(sent), len(sent))


@metric(unit="ratio", better="lower", title="Amplification, worst second", judged="exact", offenders=costly)
def amplification_peak(scope: Scope) -> Measured:
    """Attempts ÷ requests in the worst second, by when requests were due, among the seconds with at least 20
    requests.
    """
    reason = no_ledger(scope.tables)
    if reason or invisible(scope):
        return unknown(reason or INVISIBLE)
    sent = scope.rows[~is_any(values_of(scope.rows, "outcome"), ("unsent",))]
    if sent.empty:
        return unknown(NO_ROWS)
    due_ns, made = values_of(sent, "due_ns"), values_of(sent, "attempts")
    if not is_ascending(due_ns):  # as all rows are, unless somebody wrote them in another order
        order = np.argsort(due_ns, kind="stable")
        due_ns, made = due_ns[order], made[order]
    first_ns = scope.tables.start_ns + (int(due_ns[0]) - scope.tables.start_ns) // _S * _S
    starts = np.searchsorted(due_ns, np.arange(first_ns, int(due_ns[-1]) + 1, _S))
    requests = np.diff(np.append(starts, len(due_ns)))
    attempts = np.add.reduceat(np.append(made, 0), starts, dtype=np.int64)
    busy = requests >= LEAST_IN_A_SECOND
    if not busy.any():
        return unknown(f"no second holds {LEAST_IN_A_SECOND} requests", len(sent))
    return known(float((attempts[busy] / requests[busy]).max()), len(sent))


@outage_metric(unit="attempts", better="lower", title="Attempts on the faulty provider", judged="exact")
def attempts_on_faulty_provider(tables: RunTables, outage: Outage) -> Measured:
    """Arrivals at the faulted provider in [t0, t1), canaries left out: what a breaker saves, and what its
    probes cost.
    """
    if outage.provider is None:
        return unknown("the fault does not sit on one provider")
    attempts = tables.attempts_for_target
    if attempts is None or not tables.has_ledger:
        return unknown("the providers' ledger is not there in full")
    if not outage.attempts_visible:
        return unknown(INVISIBLE)
    there = is_any(values_of(attempts, "provider"), (outage.provider,))
    since_ns = values_of(attempts, "arrived_ns")
    there &= (since_ns >= outage.t0_ns + tables.start_ns) & (since_ns < outage.t1_ns + tables.start_ns)
    count = int(np.count_nonzero(there & ~is_any(values_of(attempts, "kind"), ("canary",))))
    return known(float(count), count)
