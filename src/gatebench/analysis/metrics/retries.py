"""Retries: how many, within which budget, and those that could not help anybody."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import among, belong, is_any, values_of
from gatebench.analysis.declared import declared_number
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.shares import NO_ROWS
from gatebench.analysis.metrics.work import INVISIBLE, invisible, no_ledger
from gatebench.analysis.retries import asks_to_wait, earlier, retry_after_ns
from gatebench.oracles.retries import budget_excess
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

NON_RETRYABLE: Final = (400, 401, 403, 404, 405, 413, 415, 422)
"""Statuses that say "not like this": the same request gets the same answer."""

LEAST: Final = 20
SLACK_NS: Final = 5_000_000
_ROUNDING: Final = 1e-6
LEFT_NS: Final = 50_000_000
"""What a gateway may take to learn that its client has left."""


def attempts_of(scope: Scope) -> pd.DataFrame:
    """Return the attempts of the scope's requests, see `gatebench.analysis.retries.in_order`; none without a ledger."""

    def find() -> pd.DataFrame:
        found = scope.tables.attempts_in_order
        return found[belong(values_of(found, "sample"), scope.rows.index)]

    return scope.kept("attempts_of", find)


def _unseen(scope: Scope) -> str:
    return no_ledger(scope.tables) or (INVISIBLE if invisible(scope) else "")


def _rows(scope: Scope, attempts: pd.DataFrame) -> pd.DataFrame:
    return scope.rows[among(scope.rows, attempts["sample"])]


def repeats(scope: Scope) -> pd.DataFrame:
    """Attempts at a provider that their request has been at before; hedges are none."""
    attempts = attempts_of(scope)
    found: pd.DataFrame = attempts[values_of(attempts, "again") & ~values_of(attempts, "beside")]
    return found


def repeated(scope: Scope) -> pd.DataFrame:
    """Rows that went to the same provider more than once."""
    return _rows(scope, repeats(scope))


def _ratio(scope: Scope, count: int) -> Measured:
    sent = int((scope.rows["outcome"] != "unsent").sum())
    if not sent:
        return unknown(NO_ROWS)
    return known(count / sent, sent, why=f"{count} further attempts for {sent} requests")


@metric(unit="ratio", better="lower", title="Retry ratio", judged="exact")
def retry_ratio(scope: Scope) -> Measured:
    """(attempts - first attempts) ÷ requests that were sent: failovers, retries and hedges together. The usual budget is
    0.1 (Google's SRE book, "Handling Overload"). Unknown under a fault that hides attempts.
    """
    reason = _unseen(scope)
    if reason:
        return unknown(reason)
    attempts = attempts_of(scope)
    return _ratio(scope, int((attempts["number"] > 0).sum()))


@metric(unit="ratio", better="lower", title="Repeat ratio", judged="exact", offenders=repeated)
def repeat_ratio(scope: Scope) -> Measured:
    """Further attempts at a provider that the same request has been at before ÷ requests that were sent: what a retry budget
    pays for. Going to another provider is a failover, not a repeat.
    """
    reason = _unseen(scope)
    return unknown(reason) if reason else _ratio(scope, len(repeats(scope)))


@metric(unit="attempts", better="lower", title="Retries beyond the budget", judged="exact", offenders=repeated)
def retry_budget_excess(scope: Scope) -> Measured:
    """Whole repeats (see repeat_ratio) beyond the declared reserve + ratio × requests in the worst window of any length. Must be
    0; at least 20 repeats or 100 requests. A budget may be asked before the pause or after it, so repeats are counted once by
    the end of the attempt before and once by their arrival, and the kinder count holds.
    """
    reason = _unseen(scope)
    ratio = declared_number(scope.tables, "retries", "ratio")
    if reason or ratio is None:
        return unknown(reason or "nobody declares a retry budget (ratio)")
    reserve = declared_number(scope.tables, "retries", "reserve") or 0.0
    sent_ns = scope.rows.loc[scope.rows["sent_ns"] != NEVER, "sent_ns"].to_numpy(np.int64)
    again = repeats(scope)
    retried_ns = again["arrived_ns"].to_numpy(np.int64)
    if len(retried_ns) < LEAST and len(sent_ns) < 5 * LEAST:
        return unknown(
            f"it takes {LEAST} repeats or {5 * LEAST} requests; here are {len(sent_ns)} requests", len(sent_ns)
        )
    decided_ns = retried_ns - again["pause_ns"].to_numpy(np.float64).astype(np.int64)
    excess = min(budget_excess(np.sort(sent_ns), one_ns, ratio, reserve) for one_ns in (decided_ns, retried_ns))
    why = (
        f"{len(retried_ns)} repeats for {len(sent_ns)} requests, {excess:.1f} above {reserve:g} + {ratio:g} × requests"
    )
    return known(float(math.floor(excess + _ROUNDING)), len(sent_ns), why=why)


def _after_refusals(scope: Scope) -> tuple[pd.DataFrame, int]:
    """Return attempts that came after a refusal of their request, and how many requests were refused."""
    attempts = attempts_of(scope)
    refused = attempts["status"].isin(NON_RETRYABLE)
    if not refused.any():
        return attempts.iloc[:0], 0
    return attempts[earlier(attempts, refused)], int(attempts.loc[refused, "sample"].nunique())


def _too_early(scope: Scope) -> tuple[pd.DataFrame, int]:
    """Return attempts at a provider before the time that it gave their request, and how often such a time was given."""
    attempts = attempts_of(scope)
    if not asks_to_wait(scope.tables):
        return attempts.iloc[:0], 0
    again_ns = retry_after_ns(scope.tables, attempts)
    keys = [attempts["sample"], attempts["provider"].astype(str)]
    latest_ns = again_ns.groupby(keys).cummax().groupby(keys).ffill().groupby(keys).shift()
    early = attempts["arrived_ns"] < latest_ns.fillna(-np.inf) - SLACK_NS
    return attempts[early], int(again_ns.notna().sum())


def _after_bytes(scope: Scope) -> tuple[pd.DataFrame, int]:
    """Return attempts that arrived after the client had its first byte, and how many answers broke off after theirs."""
    attempts = attempts_of(scope)
    further = attempts[values_of(attempts, "number") > 0]
    first_ns = _of_samples(scope, "first_byte_ns", further)
    late = (first_ns != NEVER) & (values_of(further, "arrived_ns") > first_ns + SLACK_NS)
    begun = (values_of(attempts, "tokens_out") > 0) & (values_of(attempts, "status") < 300)
    broke = begun & is_any(values_of(attempts, "end"), ("dropped", "error"))
    return further[late], int(broke.sum())


def _of_samples(scope: Scope, name: str, attempts: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return a column of the rows for which attempts were made, in the order of the attempts."""
    rows = scope.tables.samples
    return np.asarray(values_of(rows, name)[values_of(attempts, "sample")], np.int64)


def refused_again(scope: Scope) -> pd.DataFrame:
    """Rows that were tried again after a refusal."""
    return _rows(scope, _after_refusals(scope)[0])


def too_early(scope: Scope) -> pd.DataFrame:
    """Rows that were sent to a provider before the time that it gave."""
    return _rows(scope, _too_early(scope)[0])


def after_bytes(scope: Scope) -> pd.DataFrame:
    """Rows that were tried again after their client had its first byte."""
    return _rows(scope, _after_bytes(scope)[0])


def _must_be_none(scope: Scope, found: tuple[pd.DataFrame, int], what: str) -> Measured:
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    attempts, occasions = found
    if occasions < LEAST:
        return unknown(f"a count that must be 0 needs {LEAST} {what}; here are {occasions}", occasions)
    return known(float(len(attempts)), occasions, why=f"{len(attempts)} attempts after {occasions} {what}")


@metric(
    unit="attempts",
    better="lower",
    title="Retries after a refusal",
    judged="exact",
    offenders=refused_again,
    quiet=True,
)
def retries_after_refusal(scope: Scope) -> Measured:
    """Attempts at any provider after one answered the same request with a status that no repetition changes (400, 401, 403,
    404, 405, 413, 415, 422). Must be 0; at least 20 requests so answered.
    """
    return _must_be_none(scope, _after_refusals(scope), "requests that a provider refuses")


@metric(
    unit="attempts", better="lower", title="Retries before Retry-After", judged="exact", offenders=too_early, quiet=True
)
def retries_before_retry_after(scope: Scope) -> Measured:
    """Attempts at a provider before the time that it had given the same request in Retry-After was over, by the parameters
    of the fault that gave it. Must be 0; at least 20 answers with a Retry-After.
    """
    return _must_be_none(scope, _too_early(scope), "answers with a Retry-After")


@metric(
    unit="attempts",
    better="lower",
    title="Retries after the first byte",
    judged="exact",
    offenders=after_bytes,
    quiet=True,
)
def retries_after_first_byte(scope: Scope) -> Measured:
    """Attempts that reached a provider after the client had the first byte of its answer: what follows is either thrown away
    or joined to an answer of another making. Must be 0; at least 20 answers that broke off after their first token.
    """
    return _must_be_none(scope, _after_bytes(scope), "answers that broke off after their first token")


def useless(scope: Scope) -> pd.DataFrame:
    """Rows with an attempt that could not help."""
    import pandas as pd

    found = pd.concat([part(scope) for part in (refused_again, too_early, after_bytes)])
    return found[~found.index.duplicated()]


@metric(unit="attempts", better="lower", title="Useless retries", judged="exact", offenders=useless)
def useless_retries(scope: Scope) -> Measured:
    """Attempts after a refusal, before Retry-After, or after the first byte: the three metrics together, whatever there was
    occasion for. Must be 0; at least 20 further attempts or 20 occasions.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    attempts = attempts_of(scope)
    further = int((attempts["number"] > 0).sum())
    parts = [part(scope) for part in (_after_refusals, _too_early, _after_bytes)]
    if further < LEAST and sum(occasions for _, occasions in parts) < LEAST:
        return unknown(f"it takes {LEAST} further attempts or {LEAST} occasions; here are {further} attempts", further)
    counts = [len(found) for found, _ in parts]
    count = len(set().union(*(found.index for found, _ in parts)))
    why = f"{counts[0]} after a refusal, {counts[1]} before Retry-After, {counts[2]} after the first byte"
    return known(float(count), further, why=why)


def _deserted(scope: Scope) -> pd.DataFrame:
    attempts = attempts_of(scope)
    done_ns = _of_samples(scope, "done_ns", attempts)
    late = (done_ns != NEVER) & (values_of(attempts, "arrived_ns") > done_ns + LEFT_NS)
    found: pd.DataFrame = attempts[late]
    return found


def deserted(scope: Scope) -> pd.DataFrame:
    """Rows for which an attempt began after their client had gone."""
    return _rows(scope, _deserted(scope))


@metric(unit="attempts", better="lower", title="Attempts after the client left", judged="exact", offenders=deserted)
def attempts_after_client_left(scope: Scope) -> Measured:
    """Attempts that reached a provider more than 50 ms after their client had its answer or had given up. Must be 0; at least
    20 requests that ended as a timeout or an error, or were asked more than once. work_after_leaving counts what goes on.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    occasions = int((~scope.rows["outcome"].isin(("ok", "unsent")) | (scope.rows["attempts"] > 1)).sum())
    if occasions < LEAST:
        return unknown(f"it takes {LEAST} requests that failed or were asked again; here are {occasions}", occasions)
    return known(float(len(_deserted(scope))), occasions)
