"""Properties that hold or do not: answers lost, cut without a word, or meant for somebody else. Exact counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import is_any, pd_notna, values_of
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.shares import NO_ROWS

if TYPE_CHECKING:
    import pandas as pd

_OK: Final = 200
_PROMPTED: Final = frozenset(("chat", "embeddings", "messages", "rest"))
FINGERPRINT_MATCHES: Final = 1
"""The bit of `stamp_matches` that says that the stamp's fingerprint is the request's."""


def _concerned(scope: Scope) -> pd.DataFrame:
    """Rows under way at the first t0 or due later, for the run; all rows of the scope otherwise."""
    if scope.phase is not None or not scope.tables.outages:
        return scope.rows
    t0_s = scope.tables.outages[0].t0_ns / 1e9
    return scope.rows[~(scope.rows["done_s"] < t0_s)]


def _asked_once(scope: Scope) -> pd.DataFrame:
    """Rows from t0 on that are no copies of each other: of those some are refused on purpose."""
    rows = _concerned(scope)
    copied = [route.name for route in scope.tables.plan.traffic.routes if route.copies > 1]
    return rows[~rows["route"].isin(copied)] if copied else rows


def lost(scope: Scope) -> pd.DataFrame:
    """Rows from t0 on that never got a complete ok answer."""
    rows = _asked_once(scope)
    return rows[~rows["complete"]]


def cut_silently(scope: Scope) -> pd.DataFrame:
    """Rows with status 200 whose stream ended cleanly, but without its terminal event."""
    rows = scope.rows
    cut = is_any(values_of(rows, "cause"), ("truncated",))
    cut |= is_any(values_of(rows, "outcome"), ("ok",)) & ~values_of(rows, "complete")
    found: pd.DataFrame = rows[cut & (values_of(rows, "status") == _OK)]
    return found


def _stamped(scope: Scope) -> pd.DataFrame:
    """Complete answers to requests with a prompt of their own that say who made them."""
    prompted = [route.name for route in scope.tables.plan.traffic.routes if route.kind in _PROMPTED]
    rows = scope.rows
    stamped = values_of(rows, "complete") & pd_notna(values_of(rows, "provider"))
    found: pd.DataFrame = rows[stamped & is_any(values_of(rows, "route"), prompted)]
    return found


def mistaken(scope: Scope) -> pd.DataFrame:
    """Rows whose answer was made for another prompt."""
    rows = _stamped(scope)
    found: pd.DataFrame = rows[(values_of(rows, "stamp_matches") & FINGERPRINT_MATCHES) == 0]
    return found


@metric(unit="requests", better="lower", title="Requests lost", judged="exact", offenders=lost)
def requests_lost(scope: Scope) -> Measured:
    """Requests that never got a complete ok answer, however late: errors, timeouts, rejections, cut streams. For the
    run, those under way at the first t0 or due later; for a phase, all of it. Rows that our own side did not send are
    not among them, nor are copies of one request, of which some are refused on purpose (see `keys_unanswered`).
    """
    rows = _asked_once(scope)
    if not len(rows) and len(scope.rows):
        return unknown("all requests were copies of others, of which some are refused on purpose; see keys_unanswered")
    return known(float(len(lost(scope))), len(rows)) if len(rows) else unknown(NO_ROWS)


@metric(unit="answers", better="lower", title="Silent truncation", judged="exact", offenders=cut_silently)
def silent_truncation(scope: Scope) -> Measured:
    """Answers with status 200 whose stream ended cleanly, without its terminal event and without an error.
    Must be 0.
    """
    if scope.tables.plan.evidence == "closed":
        return unknown('at the level of evidence "closed" nobody looked for the ends of streams')
    answered = int(np.count_nonzero(values_of(scope.rows, "status") == _OK))
    return known(float(len(cut_silently(scope))), answered) if answered else unknown("no answer had status 200")


@metric(unit="answers", better="lower", title="Wrong answers", judged="exact", offenders=mistaken)
def wrong_answer(scope: Scope) -> Measured:
    """Complete answers whose stamp carries the fingerprint of another prompt than the request's. Must be 0."""
    if not scope.tables.has_stamps:
        return unknown(f'at the level of evidence "{scope.tables.plan.evidence}" answers carry no stamp of ours')
    stamped = len(_stamped(scope))
    return known(float(len(mistaken(scope))), stamped) if stamped else unknown("no complete answer carried a stamp")
