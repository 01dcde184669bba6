"""Hedging: how many requests are asked twice at the same time, and what that does to the slowest answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np

from gatebench.analysis.columns import among, numbers, values_of
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.retries import attempts_of
from gatebench.analysis.metrics.shares import share
from gatebench.analysis.metrics.work import no_ledger
from gatebench.stats import percentile

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.stats import Floats

LEAST: Final = 20
LEAST_FOR_P99: Final = 100


def hedged(scope: Scope) -> pd.DataFrame:
    """Rows with an attempt that began while another was under way."""
    attempts = attempts_of(scope)
    return scope.rows[among(scope.rows, attempts.loc[values_of(attempts, "beside"), "sample"])]


@metric(unit="share", better="lower", title="Hedged requests", offenders=hedged)
def hedge_share(scope: Scope) -> Measured:
    """Requests of which a further attempt began more than 5 ms before the one before it ended ÷ requests that were sent, with
    Wilson's interval: the extra load of hedging; at least 20 requests.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    sent = int((scope.rows["outcome"] != "unsent").sum())
    if sent < LEAST:
        return unknown(f"it takes {LEAST} requests; here are {sent}", sent)
    return share(len(hedged(scope)), sent)


def _would_take_ms(scope: Scope, first: pd.DataFrame) -> Floats:
    """Return how long first attempts took, or at least would have: one that was called off, the delay of its fault."""
    delays = {
        fault.planned.id: float(fault.planned.parameters.get(fault.planned.definition.proof.parameter, 0) or 0)
        for fault in scope.tables.faults
        if fault.planned.definition.proof.expect == "delay"
    }
    took_ms = (first["ended_ns"] - first["arrived_ns"]) / 1e6
    told_ms = first["fault"].astype(str).map(delays).fillna(0.0)
    least_ms = took_ms.where(first["end"] == "completed", np.maximum(took_ms, told_ms))
    return numbers(cast("pd.Series[float]", least_ms))


@metric(unit="share", better="higher", title="Tail cut by hedging", judged="exact", offenders=hedged, quiet=True)
def hedge_tail_cut_p99(scope: Scope) -> Measured:
    """1 - p99 of the service time ÷ p99 of what first attempts took. One that was called off counts with the delay of the
    fault that hit it, so that what hedging cut off is in it: it is cut by at least so much. At least 100 requests, 20 hedged.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    attempts, count = attempts_of(scope), len(hedged(scope))
    if count < LEAST:
        return unknown(f"it takes {LEAST} hedged requests and {LEAST_FOR_P99} in all; here are {count} hedged", count)
    served = numbers(scope.rows.loc[scope.rows["complete"], "service_ms"])
    first = attempts[attempts["number"] == 0]
    if count < LEAST or len(first) < LEAST_FOR_P99 or len(served) < LEAST_FOR_P99:
        return unknown(f"it takes {LEAST} hedged requests and {LEAST_FOR_P99} in all; here are {count} hedged", count)
    alone_ms = percentile(np.sort(_would_take_ms(scope, first)), 0.99)
    with_ms = percentile(np.sort(served), 0.99)
    why = f"p99 {with_ms:.0f} ms, where first attempts alone take at least {alone_ms:.0f} ms"
    return known(1 - with_ms / alone_ms, len(served), why=why)
