"""What answers bill beside what providers made: tokens, answer by answer, by the ledger and not by the gateway's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import is_any, own, parts, values_of
from gatebench.analysis.makers import no_attempts
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
_OK: Final = 200
_METERED: Final = ("chat", "embeddings", "messages")


def bills(route: Route) -> bool:
    """Tell whether an answer of the route says what it used: whole ones do, chat streams where it was asked for."""
    return route.kind in _METERED and (not route.stream or route.kind == "messages" or route.usage)


class Billing(NamedTuple):
    """What the complete answers of a scope bill beside what the attempt behind each made, of the sides that an answer names: an
    embedding has no completion tokens. `wrong` are the positions of those that bill something else, by `off` tokens.
    """

    answers: int
    billed: float
    made: float
    wrong: npt.NDArray[np.int64]
    off: Floats


def _billing(scope: Scope) -> Billing:
    return scope.kept("billing", lambda: _billed_and_made(scope))


def _billed_and_made(scope: Scope) -> Billing:
    rows, attempts = scope.rows, scope.tables.attempts
    nothing = np.empty(0, np.int64)
    if attempts is None or attempts.empty:
        return Billing(0, 0.0, 0.0, nothing, np.empty(0))
    complete, made_by = values_of(rows, "complete"), values_of(rows, "made_by")
    sides = [
        (values_of(rows, usage), nobody, values_of(attempts, tokens), most)
        for usage, nobody, tokens, most in (
            ("usage_in", NO_USAGE_IN, "tokens_in", NO_USAGE_IN - 1),
            ("usage_out", NO_USAGE_OUT, "tokens_out", np.iinfo(np.int64).max),
        )
    ]
    answers, sums, wrong, offs = 0, np.zeros(2, np.int64), [nothing], [nothing]
    for part in parts(len(rows)):
        maker = made_by[part]
        mine = complete[part] & (maker >= 0)
        some, off = np.zeros(len(mine), np.bool_), np.zeros(len(mine), np.int64)
        for said, nobody, spent, most in sides:
            named = mine & (said[part] != nobody)
            some |= named
            # What stands for answers without a maker is not counted.
            made = np.minimum(spent[maker].astype(np.int64), most)
            off += np.where(named, said[part] - made, 0)
            sums += int(said[part].sum(where=named, dtype=np.int64)), int(made.sum(where=named))
        answers += int(np.count_nonzero(some))
        strange = np.flatnonzero(off)
        wrong.append(strange + part.start)
        offs.append(off[strange])
    return Billing(
        answers, float(sums[0]), float(sums[1]), np.concatenate(wrong), np.concatenate(offs).astype(np.float64)
    )


def misbilled(scope: Scope) -> pd.DataFrame:
    """Answers that bill another number of tokens than was made, the furthest off first."""
    found = _billing(scope)
    return scope.rows.iloc[found.wrong[np.argsort(-np.abs(found.off), kind="stable")]]


def overbilled(scope: Scope) -> pd.DataFrame:
    """Answers that bill more tokens than were made."""
    found = _billing(scope)
    return scope.rows.iloc[found.wrong[found.off > 0]]


def underbilled(scope: Scope) -> pd.DataFrame:
    """Answers that bill fewer tokens than were made."""
    found = _billing(scope)
    return scope.rows.iloc[found.wrong[found.off < 0]]


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
    n = _billing(scope).answers
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
    found = _billing(scope)
    n = found.answers
    if n < LEAST_ANSWERS or not found.made:
        return unknown(f"it takes {LEAST_ANSWERS} answers that say what they used; here were {n}", n)
    why = f"{found.billed:.0f} tokens billed, {found.made:.0f} made, in {n} answers"
    return known(float(np.abs(found.off).sum() / found.made), n, why=why)


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
        made_by, complete = values_of(tables.samples, "made_by"), values_of(tables.samples, "complete")
        found = np.zeros(0 if tables.attempts is None else len(tables.attempts), np.bool_)
        for part in parts(len(made_by)):
            found[made_by[part][complete[part] & (made_by[part] >= 0)]] = True
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
    status, delivered = values_of(attempts, "status"), own(attempts, _delivered(scope.tables))
    sides = [values_of(attempts, name) for name in ("tokens_in", "tokens_out")]
    answered, paid, lost = 0, 0.0, 0.0
    for part in parts(len(attempts)):
        good = status[part] == _OK
        answered += int(np.count_nonzero(good))
        for tokens in sides:
            paid += float(tokens[part][good].sum(dtype=np.int64))
            lost += float(tokens[part][good & ~delivered[part]].sum(dtype=np.int64))
    if answered < LEAST_ANSWERS or not paid:
        return unknown(f"it takes {LEAST_ANSWERS} attempts that answered; here were {answered}", answered)
    return known(lost / paid, answered, why=f"{lost:.0f} of {paid:.0f} tokens")
