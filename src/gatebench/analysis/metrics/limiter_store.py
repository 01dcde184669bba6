"""A limiter whose shared store is slow or gone: does it let everybody in or nobody, how long does it take, what comes after?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.metrics.latency import at_percentile
from gatebench.analysis.metrics.limiter import NOTHING_DECLARED
from gatebench.analysis.metrics.registry import Measured, known, outage_metric, unknown
from gatebench.analysis.metrics.shares import share

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables
    from gatebench.analysis.windows import Outage


def _no_store_fault(tables: RunTables, outage: Outage) -> str:
    definition = tables.plan.target.definition
    stores = {store.name for store in definition.store} if definition is not None else set()
    places = {fault.planned.on for fault in tables.faults if fault.planned.phase == outage.phase}
    if not places or not places <= stores:
        return "the fault does not sit on a store of the target"
    if not any(key.limit is not None for key in tables.keys.values()):
        return NOTHING_DECLARED
    return ""


@outage_metric(unit="share", better="neither", title="Admitted while the store is faulty")
def store_fault_admitted_share(tables: RunTables, outage: Outage) -> Measured:
    """Requests admitted ÷ sent between t0 and t1 of a fault on the store of the limiter: near 1 for a limiter that fails
    open, near 0 for one that fails closed. With Wilson's interval.
    """
    reason = _no_store_fault(tables, outage)
    if reason:
        return unknown(reason)
    rows = tables.due_between(outage.t0_ns, outage.t1_ns)
    admitted = sum(
        int((key.admitted & np.asarray(key.rows.index.isin(rows.index))).sum()) for key in tables.keys.values()
    )
    return share(admitted, len(rows))


@outage_metric(unit="ms", better="lower", title="Response time p99 while the store is faulty")
def store_fault_p99_ms(tables: RunTables, outage: Outage) -> Measured:
    """p99 of the response time of all requests due between t0 and t1 of a fault on the store of the limiter, rejections and
    errors included: what a slow store costs everybody.
    """
    reason = _no_store_fault(tables, outage)
    if reason:
        return unknown(reason)
    return at_percentile(numbers(tables.due_between(outage.t0_ns, outage.t1_ns)["response_ms"]), "p99")


@outage_metric(unit="requests", better="lower", title="Over-admission after a store fault", judged="exact")
def over_admission_after(tables: RunTables, outage: Outage) -> Measured:
    """Over-admission (see over_admission_requests) of what was due after t1 of a fault on the store of the limiter (and
    before the next one), of the tenant that exceeds its limit most: a limiter that comes back may begin anew with a full
    budget, once.
    """
    reason = _no_store_fault(tables, outage)
    if reason:
        return unknown(reason)
    if not outage.cleared:
        return unknown("the end of the fault is not recorded")
    found = []
    for key in tables.keys.values():
        after = key.due_before(tables.start_ns + outage.until_ns) & ~key.due_before(tables.start_ns + outage.t1_ns)
        if key.limit is not None and (key.admitted & after).any():
            found.append((key.over(after), key.error(after), key.tenant, int((key.admitted & after).sum())))
    if not found:
        return unknown("nothing was admitted after the fault")
    over, error, tenant, count = max(found)
    if over == 0 and max(each[1] for each in found) > 1:
        return unknown("the moments of the admissions are not known well enough", count)
    return known(over, sum(each[3] for each in found), why=f"{tenant}: {over:.1f}, at most {error:.2f} too low")
