"""Shares of rows: how many were good, and what became of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.stats import JUDGED, SHOWN, wilson

if TYPE_CHECKING:
    import pandas as pd

NO_ROWS = "no request of the headline load was due here"


def share(count: int, n: int, why: str = "") -> Measured:
    """Return a share with Wilson's intervals; unknown of nothing."""
    if n == 0:
        return unknown(NO_ROWS)
    return known(
        count / n,
        n,
        shown=wilson(count, n, SHOWN),
        judged=wilson(count, n, JUDGED),
        confidence=SHOWN,
        why=why,
    )


def not_good(scope: Scope) -> pd.DataFrame:
    """Rows that were not good, the slowest first."""
    return scope.rows[~scope.rows["good"]].sort_values("response_ms", ascending=False, kind="stable")


def failed(scope: Scope) -> pd.DataFrame:
    """Rows that ended as an error, a timeout, or were never sent because the target held every slot."""
    return scope.rows[~scope.rows["outcome"].isin(("ok", "rejected"))]


def timed_out(scope: Scope) -> pd.DataFrame:
    """Rows without an answer at their deadline."""
    return scope.rows[scope.rows["outcome"].isin(("timeout", "unsent", "in_flight"))]


def rejected(scope: Scope) -> pd.DataFrame:
    """Rows answered with 429."""
    return scope.rows[scope.rows["outcome"] == "rejected"]


@metric(unit="share", better="higher", title="Availability", offenders=not_good)
def availability(scope: Scope) -> Measured:
    """good ÷ sent with Wilson's interval; good is ok, complete and within the objective. Rows that were not sent
    because the target held every slot count as sent.
    """
    return share(int(scope.rows["good"].sum()), len(scope.rows))


@metric(unit="share", better="higher", title="Answered", offenders=failed)
def ok_share(scope: Scope) -> Measured:
    """Answers with a status 2xx, complete, however late ÷ sent."""
    return share(int(scope.rows["complete"].sum()), len(scope.rows))


@metric(unit="share", better="lower", title="Errors", offenders=failed)
def error_share(scope: Scope) -> Measured:
    """Rows that ended as an error or a timeout ÷ sent. Rows that were not sent because the target held every slot are
    timeouts; rejections (429) are not errors.
    """
    return share(len(failed(scope)), len(scope.rows))


@metric(unit="share", better="lower", title="Timeouts", offenders=timed_out)
def timeout_share(scope: Scope) -> Measured:
    """Rows without an answer at their deadline ÷ sent; the part of error_share that waited."""
    return share(len(timed_out(scope)), len(scope.rows))


@metric(unit="share", better="lower", title="Rejections", offenders=rejected)
def rejected_share(scope: Scope) -> Measured:
    """Answers with status 429 ÷ sent."""
    return share(len(rejected(scope)), len(scope.rows))
