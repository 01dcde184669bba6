"""What answers bill beside what providers made: tokens, answer by answer, by the ledger and not by the gateway's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import is_any, numbers, parts, values_of
from gatebench.analysis.makers import no_attempts, with_makers
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.retries import attempts_of
from gatebench.analysis.metrics.work import no_ledger
from gatebench.sample import NO_USAGE_IN, NO_USAGE_OUT
from gatebench.stats import Floats

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables
    from gatebench.traffic.route import Route

LEAST_ANSWERS: Final = 20
_METERED: Final = ("chat", "embeddings", "messages")


def bills(route: Route) -> bool:
    """Tell whether an answer of the route says what it used: whole ones do, chat streams where it was asked for."""
    return route.kind in _METERED and (not route.stream or route.kind == "messages" or route.usage)


def _billed(scope: Scope) -> tuple[pd.DataFrame, Floats, Floats]:
    """Return the complete answers that bill something, what they bill, and what the attempt behind each made.

    Only the sides that an answer names are compared: an embedding has no completion tokens.
    """
    return scope.kept("billed", lambda: _billed_and_made(scope))


def _billed_and_made(scope: Scope) -> tuple[pd.DataFrame, Floats, Floats]:
    rows = scope.rows[scope.rows["complete"]]
    rows, made = with_makers(scope.tables, rows)
    some, billed, truth = np.zeros(len(rows), np.bool_), np.zeros(len(rows)), np.zeros(len(rows))
    sides = (("usage_in", NO_USAGE_IN, "tokens_in", NO_USAGE_IN - 1), ("usage_out", NO_USAGE_OUT, "tokens_out", np.inf))
    for usage, nothing, tokens, most in sides:
        said, spent = values_of(rows, usage), values_of(made, tokens)
        for part in parts(len(rows)):
            named = said[part] != nothing
            some[part] |= named
            billed[part] += np.where(named, said[part].astype(np.float64), 0)
            truth[part] += np.where(named, np.minimum(spent[part].astype(np.float64), most), 0)
    return (rows, billed, truth) if some.all() else (rows[some], billed[some], truth[some])


def misbilled(scope: Scope) -> pd.DataFrame:
    """Answers that bill another number of tokens than was made, the furthest off first."""
    rows, billed, made = _billed(scope)
    off = np.abs(billed - made)
    order = np.argsort(-off, kind="stable")
    return rows.iloc[order[off[order] > 0]]


def overbilled(scope: Scope) -> pd.DataFrame:
    """Answers that bill more tokens than were made."""
    rows, billed, made = _billed(scope)
    return rows[billed > made]


def underbilled(scope: Scope) -> pd.DataFrame:
    """Answers that bill fewer tokens than were made."""
    rows, billed, made = _billed(scope)
    return rows[billed < made]


def _should_bill(scope: Scope) -> pd.DataFrame:
    routes = [route.name for route in scope.tables.plan.traffic.routes if bills(route)]
    found: pd.DataFrame = scope.rows[values_of(scope.rows, "complete") & is_any(values_of(scope.rows, "route"), routes)]
    return found


def unbilled(scope: Scope) -> pd.DataFrame:
    """Complete answers that should say what they used and do not."""
    rows = _should_bill(scope)
    return rows[(rows["usage_in"] == NO_USAGE_IN) & (rows["usage_out"] == NO_USAGE_OUT)]


def _counted(scope: Scope, found: pd.DataFrame) -> Measured:
    reason = no_attempts(scope.tables)
    if reason:
        return unknown(reason)
    n = len(_billed(scope)[0])
    if n < LEAST_ANSWERS:
        return unknown(f"it takes {LEAST_ANSWERS} answers that say what they used; here were {n}", n)
    return known(float(len(found)), n)


@metric(unit="share", better="lower", title="Usage error", judged="exact", offenders=misbilled, quiet=True)
def usage_error(scope: Scope) -> Measured:
    """Sum over answers of |tokens billed - tokens made| ÷ tokens made, by the attempt that made each answer; what is
    billed too much here does not make up for what is billed too little there. At least 20 answers with a usage.
    """
    reason = no_attempts(scope.tables)
    if reason:
        return unknown(reason)
    rows, billed, made = _billed(scope)
    if len(rows) < LEAST_ANSWERS or not made.sum():
        return unknown(f"it takes {LEAST_ANSWERS} answers that say what they used; here were {len(rows)}", len(rows))
    why = f"{billed.sum():.0f} tokens billed, {made.sum():.0f} made, in {len(rows)} answers"
    return known(float(np.abs(billed - made).sum() / made.sum()), len(rows), why=why)


@metric(unit="answers", better="lower", title="Overbilled answers", judged="exact", offenders=overbilled, quiet=True)
def overbilled_answers(scope: Scope) -> Measured:
    """Answers that bill more tokens than the attempt that made them did: as when the tokens of a retry are added. Must
    be 0; at least 20 answers with a usage.
    """
    return _counted(scope, overbilled(scope))


@metric(unit="answers", better="lower", title="Underbilled answers", judged="exact", offenders=underbilled, quiet=True)
def underbilled_answers(scope: Scope) -> Measured:
    """Answers that bill fewer tokens than the attempt that made them did. Must be 0; at least 20 answers with a usage."""
    return _counted(scope, underbilled(scope))


@metric(unit="answers", better="lower", title="Answers without usage", judged="exact", offenders=unbilled, quiet=True)
def unbilled_answers(scope: Scope) -> Measured:
    """Complete answers that should say what they used (all but chat streams that were not asked to) and do not. Must
    be 0; at least 20 such answers.
    """
    n = len(_should_bill(scope))
    if n < LEAST_ANSWERS:
        return unknown(f"it takes {LEAST_ANSWERS} answers that should bill; here were {n}", n)
    return known(float(len(unbilled(scope))), n)


def _delivered(tables: RunTables) -> npt.NDArray[np.bool_]:
    """Tell of each attempt whether its answer reached a client of ours, and in full."""

    def find() -> npt.NDArray[np.bool_]:
        samples = tables.samples
        found = np.zeros(0 if tables.attempts is None else len(tables.attempts), np.bool_)
        made_by = samples.loc[samples["complete"], "made_by"].to_numpy()
        found[made_by[made_by >= 0]] = True
        return found

    return tables.kept("delivered", find)


@metric(unit="share", better="lower", title="Tokens made for nobody", judged="exact", quiet=True)
def undelivered_tokens(scope: Scope) -> Measured:
    """Tokens of attempts that answered 200 and whose answer reached no client of ours ÷ tokens of all attempts that
    answered 200: what retries, hedges, broken streams and clients that left cost at the providers. Prompt and completion
    tokens; at least 20 attempts.
    """
    reason = no_ledger(scope.tables) or no_attempts(scope.tables)
    if reason:
        return unknown(reason)
    attempts = attempts_of(scope)
    attempts = attempts[values_of(attempts, "status") == 200]
    tokens = numbers(attempts["tokens_in"]) + numbers(attempts["tokens_out"])
    paid = float(tokens.sum())
    if len(attempts) < LEAST_ANSWERS or not paid:
        return unknown(f"it takes {LEAST_ANSWERS} attempts that answered; here were {len(attempts)}", len(attempts))
    lost = float(tokens[~_delivered(scope.tables)[attempts.index]].sum())
    return known(lost / paid, len(attempts), why=f"{lost:.0f} of {paid:.0f} tokens")
