"""Idempotency: copies of one request, with a key or without one, held against what the providers executed.

A key is a group of arrivals that ask for the same under one idempotency key; a window's group asks without one. In a
conflicting group each arrival carries another body under the same key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import is_any, values_of
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.shares import share
from gatebench.analysis.metrics.work import no_ledger
from gatebench.oracles.copies import NO_GROUP, after_first, differing, stuck, sums
from gatebench.traffic.generator import OTHERS
from gatebench.units import duration_s

if TYPE_CHECKING:
    import pandas as pd

LEAST_KEYS: Final = 20
_IN_PROGRESS: Final = 409
_REUSED: Final = 422
_NONE: Final = "no request of this scope was sent in copies"


def _groups(scope: Scope, *, keyed: bool, conflicting: bool = False) -> pd.DataFrame:
    """Return the sent rows of groups, with `key`; those whose copies ask for the same, or the conflicting ones."""
    copied = [route.name for route in scope.tables.plan.traffic.routes if route.copies > 1]
    rows = scope.rows[is_any(values_of(scope.rows, "route"), copied)] if copied else scope.rows.iloc[:0]
    rows = rows[rows["outcome"] != "unsent"]
    if rows.empty:
        return rows.assign(key=NO_GROUP, asked_for=0)
    asked = scope.tables.asked.loc[rows.index]
    rows = rows.assign(key=asked["key"], asked_for=asked["fingerprint"])
    rows = rows[(asked["key"] != NO_GROUP) & (asked["keyed"] == keyed)]
    several = rows.groupby("key")["asked_for"].transform("nunique") > 1
    return rows[several == conflicting]


def _keys(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    return rows["key"].to_numpy(np.int64)


def _of_keys(rows: pd.DataFrame, keys: npt.NDArray[np.int64]) -> pd.DataFrame:
    return rows[rows["key"].isin(keys)].sort_values(["key", "sent_ns"], kind="stable")


def _executions(rows: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the groups that were executed at all, and how often each."""
    keys, executed = sums(_keys(rows), rows["completed"].to_numpy())
    return keys[executed > 0], executed[executed > 0]


def _stamps(rows: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the groups with at least two answers, and how many different attempts made them."""
    answers = rows[rows["complete"] & (rows["made_by"] >= 0)]
    several = answers[answers.groupby("key")["key"].transform("size") > 1]
    return differing(_keys(several), several["made_by"].to_numpy(np.int64))


def _too_few(count: int, what: str) -> Measured:
    return unknown(f"it takes {LEAST_KEYS} {what}; here were {count}" if count else _NONE, count)


def executed_again(scope: Scope) -> pd.DataFrame:
    """Rows of keys that were executed more than once."""
    rows = _groups(scope, keyed=True)
    keys, executed = _executions(rows)
    return _of_keys(rows, keys[executed > 1])


def windows_executed_again(scope: Scope) -> pd.DataFrame:
    """Rows of copies without a key that were executed more than once."""
    rows = _within_window(scope)
    keys, executed = _executions(rows)
    return _of_keys(rows, keys[executed > 1])


def answered_apart(scope: Scope) -> pd.DataFrame:
    """Rows of keys whose answers were made by different attempts."""
    rows = _groups(scope, keyed=True)
    keys, made = _stamps(rows)
    return _of_keys(rows, keys[made > 1])


def accepted_reuse(scope: Scope) -> pd.DataFrame:
    """Answers to a key that another body had used before: all but those to the first body that was answered."""
    rows = _groups(scope, keyed=True, conflicting=True)
    answers = rows[rows["complete"]].sort_values("done_ns", kind="stable")
    first = answers.groupby("key")["asked_for"].transform("first")
    return answers[answers["asked_for"] != first]


def refused_late(scope: Scope) -> pd.DataFrame:
    """Copies that were refused as in progress although sent after their key's answer had arrived."""
    rows = _groups(scope, keyed=True)
    done, sent = (rows[name].to_numpy(np.int64) for name in ("done_ns", "sent_ns"))
    later = after_first(_keys(rows), done, sent, rows["complete"].to_numpy(np.bool_))
    return rows[later & (rows["status"] == _IN_PROGRESS).to_numpy()]


def locked(scope: Scope) -> pd.DataFrame:
    """Rows of keys that stayed locked after their execution had failed."""
    rows = _groups(scope, keyed=True)
    return _of_keys(rows, _stuck(rows)[1])


def _here_in_full(scope: Scope) -> pd.DataFrame:
    """Return the rows of keys whose copies all stand in this scope: of one across its edge the answer may lie beyond it."""
    rows = _groups(scope, keyed=True)
    if rows.empty:
        return rows
    asked = scope.tables.asked["key"]
    beyond = asked[~asked.index.isin(scope.rows.index)]
    return rows[~rows["key"].isin(beyond)]


def unanswered(scope: Scope) -> pd.DataFrame:
    """Rows of keys of which no copy was ever answered well."""
    rows = _here_in_full(scope)
    keys, answers = sums(_keys(rows), rows["complete"].to_numpy())
    return _of_keys(rows, keys[answers == 0])


def of_another_tenant(scope: Scope) -> pd.DataFrame:
    """Ok answers under a key of two tenants that an attempt for the other one made."""
    rows = _between(scope)
    attempts = scope.tables.attempts
    if attempts is None or rows.empty:
        return rows.iloc[:0]
    rows = rows[rows["complete"] & (rows["made_by"] >= 0)]
    asker = attempts["sample"].to_numpy()[rows["made_by"].to_numpy(np.int64)]
    owner = scope.tables.samples["tenant"].astype(object).reindex(asker).to_numpy()
    elsewhere = (asker >= 0) & (owner != rows["tenant"].astype(object).to_numpy())
    return rows[np.asarray(elsewhere, bool)]


def _between(scope: Scope) -> pd.DataFrame:
    """Return the keyed rows of keys that two tenants used, with the number on the wire as `named`."""
    rows = _groups(scope, keyed=True)
    rows = rows.assign(named=rows["key"] % OTHERS)
    return rows[rows.groupby("named")["key"].transform("nunique") > 1]


def _stuck(rows: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    refused = rows["status"].isin((_IN_PROGRESS, _REUSED)).to_numpy(np.bool_)
    good = rows["complete"].to_numpy(np.bool_)
    failed = ~good & ~refused
    done, sent = (rows[name].to_numpy(np.int64) for name in ("done_ns", "sent_ns"))
    later = after_first(_keys(rows), done, sent, failed)
    return stuck(_keys(rows), failed, later, good, refused)


def _within_window(scope: Scope) -> pd.DataFrame:
    """Return the rows of copies without a key that were sent within the declared window of their group's first."""
    rows = _groups(scope, keyed=False)
    window_s = duration_of(scope.tables.plan.declared.get("idempotency", {}).get("window"))
    if not window_s:
        return rows.iloc[:0]
    first = rows.groupby("key")["sent_ns"].transform("min")
    late = rows.loc[rows["sent_ns"] - first > window_s * 1e9, "key"]
    return rows[~rows["key"].isin(late)]


def duration_of(setting: object) -> float:
    """Return a declared duration in seconds; 0 for what is none."""
    try:
        return duration_s(str(setting))
    except ValueError:
        return 0.0


@metric(unit="ratio", better="lower", title="Executions per key", judged="exact", offenders=executed_again, quiet=True)
def executions_per_key(scope: Scope) -> Measured:
    """Completed attempts at our providers ÷ idempotency keys that were executed at all; copies of one key ask for the same.
    Must be 1, concurrent copies or not. At least 20 keys.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    keys, executed = _executions(_groups(scope, keyed=True))
    if len(keys) < LEAST_KEYS:
        return _too_few(len(keys), "executed keys")
    twice = int((executed > 1).sum())
    why = f"{executed.sum()} executions of {len(keys)} keys, {twice} of them more than once, at most {executed.max()} times"
    return known(float(executed.sum() / len(keys)), len(keys), why=why)


@metric(
    unit="executions",
    better="lower",
    title="Most executions of a key",
    judged="exact",
    offenders=executed_again,
    quiet=True,
)
def executions_per_key_max(scope: Scope) -> Measured:
    """The most completed attempts of one idempotency key. Must be 1. At least 20 keys."""
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    keys, executed = _executions(_groups(scope, keyed=True))
    return known(float(executed.max()), len(keys)) if len(keys) >= LEAST_KEYS else _too_few(len(keys), "executed keys")


@metric(
    unit="keys", better="lower", title="Keys answered differently", judged="exact", offenders=answered_apart, quiet=True
)
def replays_differ(scope: Scope) -> Measured:
    """Keys whose ok answers carry stamps of different attempts: a replay must be the first answer again. Must be 0. At
    least 20 keys with two answers.
    """
    if not scope.tables.has_stamps or scope.tables.attempts is None:
        return unknown("without stamps and a ledger nothing says which attempt made an answer")
    keys, made = _stamps(_groups(scope, keyed=True))
    if len(keys) < LEAST_KEYS:
        return _too_few(len(keys), "keys with two answers")
    return known(float((made > 1).sum()), len(keys), why=f"{(made > 1).sum()} of {len(keys)} keys")


@metric(
    unit="answers", better="lower", title="Reused keys accepted", judged="exact", offenders=accepted_reuse, quiet=True
)
def key_reuse_accepted(scope: Scope) -> Measured:
    """Ok answers to a key that carried another body before: each group's answers but those to the first body answered. A
    gateway answers 422 (or 409 while the first is in progress; draft-ietf-httpapi-idempotency-key-header, section 2.6).
    Must be 0. At least 20 keys that were reused.
    """
    rows = _groups(scope, keyed=True, conflicting=True)
    keys = rows["key"].nunique()
    if keys < LEAST_KEYS:
        return _too_few(keys, "keys that were used with another body")
    return known(float(len(accepted_reuse(scope))), keys)


@metric(
    unit="answers",
    better="lower",
    title="Answers replayed to another tenant",
    judged="exact",
    offenders=of_another_tenant,
    quiet=True,
)
def replays_across_tenants(scope: Scope) -> Measured:
    """Ok answers under an idempotency key that two tenants use, made by an attempt for the other one: a key belongs to
    whoever chose it. Must be 0. At least 20 keys that two tenants used.
    """
    if not scope.tables.has_stamps or scope.tables.attempts is None:
        return unknown("without stamps and a ledger nothing says which attempt made an answer")
    keys = _between(scope)["named"].nunique()
    if keys < LEAST_KEYS:
        return _too_few(keys, "keys that two tenants used")
    return known(float(len(of_another_tenant(scope))), keys)


@metric(unit="share", better="higher", title="Reused keys named as such", quiet=True)
def key_reuse_named(scope: Scope) -> Measured:
    """Requests that reuse a key with another body after its first answer and are told so with 422 ÷ such requests."""
    rows = _groups(scope, keyed=True, conflicting=True)
    done, sent = (rows[name].to_numpy(np.int64) for name in ("done_ns", "sent_ns"))
    later = rows[after_first(_keys(rows), done, sent, rows["complete"].to_numpy(np.bool_))]
    if len(later) < LEAST_KEYS:
        return _too_few(len(later), "requests that reuse a key after its answer")
    return share(int((later["status"] == _REUSED).sum()), len(later))


@metric(
    unit="requests", better="lower", title="Refused though answered", judged="exact", offenders=refused_late, quiet=True
)
def refused_after_answer(scope: Scope) -> Measured:
    """Copies that got 409, in progress, although they were sent after an answer to their key had arrived: they should
    have got it again. Must be 0. A 409 while the first copy is in progress is right. At least 20 keys.
    """
    rows = _groups(scope, keyed=True)
    keys = rows["key"].nunique()
    return known(float(len(refused_late(scope))), len(rows)) if keys >= LEAST_KEYS else _too_few(keys, "keys")


@metric(unit="keys", better="lower", title="Keys that stay locked", judged="exact", offenders=locked, quiet=True)
def keys_locked(scope: Scope) -> Measured:
    """Keys whose only execution failed and whose later copies, sent after the failure was known, were all refused as in
    progress: a failed execution must release its key. Must be 0. At least 20 keys that failed and were asked again.
    """
    asked_again, found = _stuck(_groups(scope, keyed=True))
    if len(asked_again) < LEAST_KEYS:
        return _too_few(len(asked_again), "keys that failed and were asked again")
    return known(float(len(found)), len(asked_again), why=f"{len(found)} of {len(asked_again)} keys")


@metric(unit="keys", better="lower", title="Keys without an answer", judged="exact", offenders=unanswered, quiet=True)
def keys_unanswered(scope: Scope) -> Measured:
    """Keys of which no copy was ever answered well: refusing everything is no idempotency. Keys some of whose copies lie
    outside (in another phase, in a transition) are left out. At least 20 keys.
    """
    rows = _here_in_full(scope)
    keys, answers = sums(_keys(rows), rows["complete"].to_numpy())
    return known(float((answers == 0).sum()), len(keys)) if len(keys) >= LEAST_KEYS else _too_few(len(keys), "keys")


@metric(
    unit="ratio",
    better="lower",
    title="Executions per window",
    judged="exact",
    offenders=windows_executed_again,
    quiet=True,
)
def executions_per_window(scope: Scope) -> Measured:
    """Completed attempts ÷ groups of copies (same tenant, same body, no key) that were all sent within the declared dedup
    window and executed at all. Must be 1. At least 20 groups.
    """
    reason = no_ledger(scope.tables)
    if reason:
        return unknown(reason)
    if not duration_of(scope.tables.plan.declared.get("idempotency", {}).get("window")):
        return unknown("the target declares no dedup window")
    keys, executed = _executions(_within_window(scope))
    if len(keys) < LEAST_KEYS:
        return _too_few(len(keys), "groups within the window")
    why = f"{executed.sum()} executions of {len(keys)} groups, {(executed > 1).sum()} of them more than once"
    return known(float(executed.sum() / len(keys)), len(keys), why=why)
