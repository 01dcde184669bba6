"""What goes on at the providers after the client has left: how soon it is called off, and what is done for nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import belong, numbers, values_of
from gatebench.analysis.metrics.latency import at_percentile
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.work import no_ledger
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

LEAST_LEFT: Final = 20
SOON_MS: Final = 250.0
_LEFT: Final = ("read_timeout", "total_timeout")


def _left_behind(scope: Scope) -> pd.DataFrame:
    """Return the attempts that were under way when their client left, with `lag_ms`, how long they went on."""
    rows, attempts = scope.rows, scope.tables.attempts_for_target
    if attempts is None:
        return rows.iloc[:0].assign(lag_ms=np.empty(0))
    left = rows.loc[rows["cause"].isin(_LEFT) & (rows["sent_ns"] != NEVER), "done_ns"]
    if left.empty:
        return attempts.iloc[:0].assign(lag_ms=np.empty(0))
    mine = attempts[belong(values_of(attempts, "sample"), left.index)]
    left_ns = left.reindex(mine["sample"]).to_numpy(np.int64)
    mine = mine.assign(lag_ms=(mine["ended_ns"].to_numpy(np.int64) - left_ns) / 1e6)
    unfinished = (mine["end"] == "in_flight").to_numpy()
    under_way = (mine["arrived_ns"].to_numpy(np.int64) <= left_ns) & ((mine["lag_ms"].to_numpy() > 0) | unfinished)
    return mine[under_way]


def _not_cancelled(scope: Scope) -> pd.DataFrame:
    found = _left_behind(scope)
    late = (found["lag_ms"] > SOON_MS) | (found["end"] == "in_flight")
    return found[late]


def worked_for_nobody(scope: Scope) -> pd.DataFrame:
    """Rows whose client left while a provider went on for more than 250 ms."""
    return scope.rows[scope.rows.index.isin(_not_cancelled(scope)["sample"])]


def _lag(scope: Scope, name: str) -> Measured:
    reason = no_ledger(scope.tables)
    found = _left_behind(scope)
    ended = numbers(found.loc[found["end"] != "in_flight", "lag_ms"])
    if reason or not len(ended):
        return unknown(reason or "no client left while a provider was at work for it")
    return at_percentile(ended, name)


@metric(
    unit="ms", better="lower", title="Cancellation reaches the provider p50", offenders=worked_for_nobody, quiet=True
)
def cancellation_lag_p50_ms(scope: Scope) -> Measured:
    """End of an attempt - the moment at which its client gave up (its deadline), of the attempts that were under way
    then; p50. An attempt that was completed for nobody counts with its end.
    """
    return _lag(scope, "p50")


@metric(
    unit="ms", better="lower", title="Cancellation reaches the provider p99", offenders=worked_for_nobody, quiet=True
)
def cancellation_lag_p99_ms(scope: Scope) -> Measured:
    """As cancellation_lag_p50_ms, p99; at least 100 attempts."""
    return _lag(scope, "p99")


@metric(
    unit="attempts",
    better="lower",
    title="Work after the client left",
    judged="exact",
    offenders=worked_for_nobody,
    quiet=True,
)
def work_after_leaving(scope: Scope) -> Measured:
    """Attempts that went on for more than 250 ms after their client had left, however they ended then: tokens made and
    paid for that nobody reads. Must be 0; at least 20 clients that left while a provider was at work.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    found = _left_behind(scope)
    if len(found) < LEAST_LEFT:
        why = f"it takes {LEAST_LEFT} clients that leave while a provider is at work; here were {len(found)}"
        return unknown(why, len(found))
    return known(float(len(_not_cancelled(scope))), len(found))
