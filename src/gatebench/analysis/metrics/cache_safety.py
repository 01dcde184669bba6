"""Answers that a cache gave to somebody who asked for something else, or who was somebody else. Must be 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.caching.rows import askable, unheard, who_made
from gatebench.analysis.caching.terms import terms_of
from gatebench.analysis.caching.truth import HIT, JOINED, REVALIDATED, UNKNOWN
from gatebench.analysis.makers import no_attempts
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.traffic.questions import NO_MEANING, by_fingerprint

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

_BORROWED: Final = (HIT, JOINED, REVALIDATED)
_LEAST_PRIVATE: Final = 5
_PROMPTED: Final = frozenset(("chat", "embeddings", "messages", "rest"))


def borrowed(scope: Scope) -> pd.DataFrame:
    """Answers that another request's attempt made, whether it had ended or not; `made_print` is what that one asked."""
    rows = who_made(scope)
    attempts = scope.tables.attempts
    rows = rows[rows["truth"].isin(_BORROWED) & rows["complete"]]
    if attempts is None:
        return rows.iloc[:0]
    prints = attempts["fingerprint"].to_numpy(np.uint64)[rows["maker"].to_numpy(np.int64)]
    return rows.assign(
        made_print=prints, asked_print=scope.tables.asked["fingerprint"].loc[rows.index].to_numpy(np.uint64)
    )


def made_for_another_prompt(scope: Scope) -> pd.DataFrame:
    """Borrowed answers to another prompt; of a semantic cache: to a prompt with another meaning."""
    plan = scope.tables.plan
    prompted = {route.name for route in plan.traffic.routes if route.kind in _PROMPTED}
    by_meaning = {route.name for route in plan.traffic.routes if terms_of(plan, route).semantic}
    rows = borrowed(scope)
    rows = rows[rows["route"].isin(prompted)]
    wrong = (rows["made_print"] != rows["asked_print"]).to_numpy(copy=True)
    known_questions = by_fingerprint()
    made_prints, asked_prints = (rows[name].to_numpy(np.uint64).tolist() for name in ("made_print", "asked_print"))
    for place in np.flatnonzero(wrong & rows["route"].isin(by_meaning).to_numpy()).tolist():
        made, asked = known_questions.get(made_prints[place]), known_questions.get(asked_prints[place])
        wrong[place] = made is None or asked is None or made.meaning != asked.meaning or made.meaning == NO_MEANING
    return rows[wrong]


@metric(
    unit="answers", better="lower", title="Wrong hits", judged="exact", offenders=made_for_another_prompt, quiet=True
)
def wrong_hit(scope: Scope) -> Measured:
    """Answers that another request's attempt made (from a cache, or coalesced) for another prompt: its fingerprint is not
    the request's; where a semantic cache is declared, its meaning is not, by the label of the shipped questions. An exact
    count: must be 0 for an exact cache. At least 50 requests that a cache could answer.
    """
    reason = unheard(scope, askable(scope))
    if reason:
        return unknown(reason)
    found = borrowed(scope)
    wrong = len(made_for_another_prompt(scope))
    return known(float(wrong), len(found), why=f"{wrong} of {len(found)} answers that another request's attempt made")


def made_for_another_tenant(scope: Scope) -> pd.DataFrame:
    """Borrowed answers whose attempt was made for another tenant: by the request that it was for, else by its own tenant."""
    rows = borrowed(scope)
    owners = _owners(scope.tables, rows)
    elsewhere: pd.Series[bool] = owners.notna() & (owners != rows["tenant"].astype(str))
    return rows[elsewhere]


@metric(
    unit="answers",
    better="lower",
    title="Answers leaked to another tenant",
    judged="exact",
    offenders=made_for_another_tenant,
    quiet=True,
)
def cross_tenant_leak(scope: Scope) -> Measured:
    """Answers that another request's attempt made (from a cache, or coalesced) for another tenant, by the tenant of the
    request that the attempt was for, or by the attempt's own. An exact count: must be 0, unless the cache is declared to be
    shared by tenants: then it is unknown. At least 50 requests that a cache could answer, of two tenants or more.
    """
    rows = who_made(scope)
    reason = unheard(scope, askable(scope))
    if reason:
        return unknown(reason)
    if scope.tables.plan.declared.get("cache", {}).get("scope") == "shared":
        return unknown("the cache is declared to be shared by its tenants")
    if rows["tenant"].nunique() < 2:
        return unknown("all requests are of one tenant")
    found = borrowed(scope)
    told = int(_owners(scope.tables, found).notna().sum())
    if told < len(found):
        return unknown(f"of {len(found) - told} answers nobody knows which tenant they were made for", len(found))
    leaked = len(made_for_another_tenant(scope))
    return known(float(leaked), len(found), why=f"{leaked} of {len(found)} answers that another request's attempt made")


def kept_private(scope: Scope) -> pd.DataFrame:
    """Personal and time-bound prompts that were answered from a cache."""
    rows = _private(scope)
    return rows[rows["truth"] == HIT]


@metric(
    unit="answers",
    better="lower",
    title="Personal or time-bound answers from a cache",
    judged="exact",
    offenders=kept_private,
    quiet=True,
)
def private_cached(scope: Scope) -> Measured:
    """Answers from a cache to prompts that none may answer: personal ones, and those that ask for what is so right now, by the
    label of the shipped questions. An exact count: must be 0. At least 5 such requests that came again, with the same text
    from the same tenant.
    """
    reason = no_attempts(scope.tables)
    if reason:
        return unknown(reason)
    rows = _private(scope)
    everybody = _private(Scope(scope.tables, scope.tables.load))
    again = 0
    if len(everybody) > _LEAST_PRIVATE:  # else it cannot be, and what all others asked has not to be drawn again
        asked = scope.tables.asked["fingerprint"].loc[everybody.index]
        again = int(everybody.assign(asked=asked)[["asked", "tenant"]].duplicated().sum())
    if again < _LEAST_PRIVATE or rows.empty:
        return unknown(
            f"it takes {_LEAST_PRIVATE} personal or time-bound prompts that come again; here are {again}", len(rows)
        )
    kept = len(kept_private(scope))
    return known(float(kept), len(rows), why=f"{kept} of {len(rows)} personal or time-bound prompts")


def _private(scope: Scope) -> pd.DataFrame:
    rows = who_made(scope)
    return rows[rows["wording"].isin(("personal", "timebound")) & (rows["truth"] != UNKNOWN)]


def _owners(tables: RunTables, rows: pd.DataFrame) -> pd.Series[str]:
    """Return the tenant that each answer was made for; NaN when nobody knows."""
    owner = rows["owner"].to_numpy(np.int64)
    by_request = tables.samples["tenant"].astype(object).reindex(owner).set_axis(rows.index)
    if tables.attempts is None:
        return by_request
    by_attempt = tables.attempts["tenant"].astype(object).reindex(rows["maker"].to_numpy(np.int64)).set_axis(rows.index)
    return by_request.where(owner >= 0, by_attempt)
