"""The pauses before retries: whether they grow, whether they are spread, and whether retries come in crowds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.metrics.latency import at_percentile
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.retries import repeated, repeats
from gatebench.analysis.metrics.work import no_ledger
from gatebench.oracles.retries import spread, synchrony

if TYPE_CHECKING:
    import pandas as pd

LEAST: Final = 20
_FIRST, _SECOND = 1, 2


def _pauses(scope: Scope, number: int) -> pd.DataFrame:
    """Return the n-th repeats at their provider; pauses that a Retry-After prescribes are no backoff."""
    rows = repeats(scope)
    order = rows.groupby(["sample", "provider"], observed=True).cumcount() + 1
    return rows[order == number]


def _unseen(scope: Scope, rows: pd.DataFrame, which: str) -> str:
    reason = no_ledger(scope.tables)
    if reason:
        return reason
    return "" if len(rows) >= LEAST else f"it takes {LEAST} {which} retries of a request; here are {len(rows)}"


@metric(unit="ms", better="neither", title="Pause before a retry p50", offenders=repeated, quiet=True)
def retry_pause_p50_ms(scope: Scope) -> Measured:
    """p50 of (arrival of a request's first repeat at a provider - end of the attempt before); at least 20."""
    rows = _pauses(scope, _FIRST)
    reason = _unseen(scope, rows, "first")
    return unknown(reason, len(rows)) if reason else at_percentile(numbers(rows["pause_ns"]) / 1e6, "p50")


@metric(unit="ratio", better="neither", title="Growth of the pause", judged="exact", offenders=repeated, quiet=True)
def retry_growth(scope: Scope) -> Measured:
    """Median pause before the second repeat ÷ before the first: 2 for a doubling backoff, 1 for none; at least 20 of each."""
    first, second = _pauses(scope, _FIRST), _pauses(scope, _SECOND)
    reason = _unseen(scope, first, "first") or _unseen(scope, second, "second")
    if reason:
        return unknown(reason, len(second))
    before = float(np.median(numbers(first["pause_ns"])))
    if before <= 0:
        return unknown("half of the first repeats came at once", len(first))
    return known(float(np.median(numbers(second["pause_ns"]))) / before, len(second))


@metric(unit="ratio", better="higher", title="Jitter of the pause", judged="exact", offenders=repeated, quiet=True)
def retry_jitter(scope: Scope) -> Measured:
    """Interquartile range ÷ median of the pauses before first repeats: 1 for full jitter, 1/3 for equal jitter, 0 for a fixed
    pause (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015); at least 20.
    """
    rows = _pauses(scope, _FIRST)
    reason = _unseen(scope, rows, "first")
    return unknown(reason, len(rows)) if reason else known(spread(numbers(rows["pause_ns"])), len(rows))


@metric(unit="ratio", better="lower", title="Synchrony of retries", judged="exact", offenders=repeated, quiet=True)
def retry_synchrony(scope: Scope) -> Measured:
    """How crowded first repeats are (others within 20 ms of one) ÷ how crowded the failures were that they follow: below 1
    when jitter spreads them, about 1 for a fixed pause, above 1 when retries gather, as at one tick; at least 20.
    """
    rows = _pauses(scope, _FIRST)
    reason = _unseen(scope, rows, "first")
    if reason:
        return unknown(reason, len(rows))
    retried_ns = rows["arrived_ns"].to_numpy(np.int64)
    failed_ns = retried_ns - rows["pause_ns"].to_numpy(np.float64).astype(np.int64)
    return known(synchrony(failed_ns, retried_ns), len(rows))
