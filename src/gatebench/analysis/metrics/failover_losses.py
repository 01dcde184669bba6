"""What a failover loses, pays twice, or sends to the wrong place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatebench.analysis.columns import among, belong, is_any, positions, values_of
from gatebench.analysis.makers import no_attempts, with_makers
from gatebench.analysis.metrics.failover import failover_sustained_s
from gatebench.analysis.metrics.moments import SHARE_WINDOW_ROWS
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, outage_metric, unknown
from gatebench.analysis.metrics.retries import attempts_of
from gatebench.analysis.metrics.shares import share
from gatebench.analysis.metrics.work import no_ledger
from gatebench.analysis.windows import Outage
from gatebench.flags import weights as weights_of

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

LEAST: Final = 20
LEAST_LATER: Final = 200


def _later(tables: RunTables, outage: Outage) -> pd.DataFrame | str:
    """Return the rows due after the first window of the sustained failover, up to t1, or why it is not known."""
    sustained = failover_sustained_s(tables, outage)
    if sustained.status != "known" or sustained.value is None:
        return f"there is no sustained failover: {sustained.why}"
    rows = tables.due_between(outage.t0_ns + round(sustained.value * 1e9), outage.t1_ns)
    return rows.iloc[SHARE_WINDOW_ROWS:]


def lost_later(scope: Scope) -> pd.DataFrame:
    """Rows due after the failover was there that were lost all the same."""
    outages = scope.tables.outages
    rows = _later(scope.tables, outages[0]) if outages else ""
    return scope.rows.iloc[:0] if isinstance(rows, str) else rows[~rows["complete"]]


@outage_metric(unit="requests", better="lower", title="Lost after the failover", judged="exact", offenders=lost_later)
def lost_after_failover(tables: RunTables, outage: Outage) -> Measured:
    """Requests due after the first window of the sustained failover (failover_sustained_s: 200 requests, of which one in
    twenty may still be lost) and before t1 that never got a complete ok answer. Must be 0; at least 200 requests.
    """
    rows = _later(tables, outage)
    if isinstance(rows, str):
        return unknown(rows)
    if len(rows) < LEAST_LATER:
        return unknown(f"it takes {LEAST_LATER} requests after the failover; here are {len(rows)}", len(rows))
    return known(float((~rows["complete"]).sum()), len(rows))


def _allowed(tables: RunTables) -> frozenset[str] | None:
    """Return the providers that get requests in fair weather, by the declared routing; None when nobody declares it."""
    routing = tables.plan.declared.get("routing", {})
    if routing.get("kind") == "ordered":
        return frozenset((tables.plan.providers[0].name,))
    weights = routing.get("weights")
    if not isinstance(weights, str) or not weights:
        return None
    return frozenset(name for name, weight in weights_of(weights).items() if weight > 0)


def misrouted(scope: Scope) -> pd.DataFrame:
    """Rows of the baseline that a provider answered which should get nothing then."""
    allowed = _allowed(scope.tables)
    usual = scope.rows[among(scope.rows, scope.tables.baseline.index)]
    rows, made = with_makers(scope.tables, usual[usual["complete"]], own=True)
    return rows[~made["provider"].isin(allowed or ()).to_numpy()] if allowed else rows.iloc[:0]


@metric(unit="answers", better="lower", title="Wrong provider", judged="exact", offenders=misrouted, quiet=True)
def wrong_provider(scope: Scope) -> Measured:
    """Answers in the baseline by a provider that should get nothing in fair weather: in declared ordered routing any but the
    first, in weighted routing one without a weight. Must be 0; at least 20 answers of the baseline.
    """
    reason = no_attempts(scope.tables)
    if reason:
        return unknown(reason)
    if _allowed(scope.tables) is None:
        return unknown("nobody declares which providers get requests (routing)")
    usual = scope.rows[among(scope.rows, scope.tables.baseline.index)]
    rows, _ = with_makers(scope.tables, usual[usual["complete"]], own=True)
    if len(rows) < LEAST:
        return unknown(f"it takes {LEAST} answers in the baseline; here are {len(rows)}", len(rows))
    return known(float(len(misrouted(scope))), len(rows))


def _extra(scope: Scope) -> pd.DataFrame:
    """Return the completed attempts of answered requests that did not make the answer."""
    attempts = attempts_of(scope)
    answered = scope.rows[scope.rows["complete"] & (scope.rows["made_by"] >= 0)]
    completed = is_any(values_of(attempts, "end"), ("completed",))
    mine = attempts[belong(values_of(attempts, "sample"), answered.index) & completed]
    made_by = values_of(scope.tables.samples, "made_by")[values_of(mine, "sample")]
    found: pd.DataFrame = mine[(positions(mine) != made_by) & (values_of(mine, "tokens_out") > 0)]
    return found


def paid_twice(scope: Scope) -> pd.DataFrame:
    """Rows for which tokens were made that are not in their answer."""
    return scope.rows[among(scope.rows, _extra(scope)["sample"])]


@metric(unit="tokens", better="lower", title="Tokens paid twice", judged="exact", offenders=paid_twice)
def tokens_billed_twice(scope: Scope) -> Measured:
    """Tokens of completed attempts beyond the one that made the answer: work that a provider bills and no client has. Must be
    0; at least 20 answered requests.
    """
    reason = no_attempts(scope.tables) or no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    answered = int((scope.rows["complete"] & (scope.rows["made_by"] >= 0)).sum())
    if answered < LEAST:
        return unknown(f"it takes {LEAST} answered requests; here are {answered}", answered)
    found = _extra(scope)
    return known(
        float(found["tokens_out"].sum()), answered, why=f"in {found['sample'].nunique()} of {answered} requests"
    )


def _taken_over(scope: Scope) -> pd.DataFrame:
    """Return the rows that one provider answered after another had failed them."""
    attempts = attempts_of(scope)
    failed = is_any(values_of(attempts, "end"), ("dropped", "error")) | (values_of(attempts, "status") >= 400)
    several = scope.rows[scope.rows["complete"] & (scope.rows["attempts"] > 1)]
    rows, made = with_makers(scope.tables, several, own=True)
    mine = among(rows, values_of(attempts, "sample")[failed])
    theirs = attempts[belong(values_of(attempts, "sample"), rows.index) & (values_of(attempts, "number") == 0)]
    first = theirs[["sample", "provider"]].drop_duplicates("sample").set_index("sample")["provider"].astype(str)
    elsewhere = first.reindex(rows.index).to_numpy() != made["provider"].astype(str).to_numpy()
    found: pd.DataFrame = rows[mine & elsewhere]
    return found


@metric(unit="share", better="neither", title="Failed over", offenders=_taken_over)
def failed_over_share(scope: Scope) -> Measured:
    """Requests answered by another provider than the one that failed them first ÷ sent; at least 20 requests."""
    reason = no_attempts(scope.tables) or no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    if len(scope.rows) < LEAST:
        return unknown(f"it takes {LEAST} requests; here are {len(scope.rows)}", len(scope.rows))
    return share(len(_taken_over(scope)), len(scope.rows))


def _died_early(scope: Scope) -> pd.DataFrame:
    attempts = attempts_of(scope)
    silent = values_of(attempts, "tokens_out") == 0  # the head of a stream may be out: it says nothing
    broken = is_any(values_of(attempts, "end"), ("dropped", "error"))
    died = attempts[(values_of(attempts, "stream") == 1) & broken & silent]
    return scope.rows[among(scope.rows, died["sample"])]


def not_saved(scope: Scope) -> pd.DataFrame:
    """Streams that died before their first token and were not taken over."""
    rows = _died_early(scope)
    return rows[~rows["complete"]]


@metric(unit="share", better="higher", title="Streams saved before the first token", offenders=not_saved, quiet=True)
def streams_saved(scope: Scope) -> Measured:
    """Of the streams that broke off at a provider before their first token, those that were complete in the end: nobody has
    seen anything of them, so another provider may begin anew. At least 20 such streams.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    rows = _died_early(scope)
    if len(rows) < LEAST:
        why = f"it takes {LEAST} streams that broke off before their first token; here are {len(rows)}"
        return unknown(why, len(rows))
    return share(int(rows["complete"].sum()), len(rows))
