"""Answers that a cache served for longer than it may, and errors that it kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.caching.rows import GRACE_MS, askable, hits, unheard, who_made
from gatebench.analysis.caching.truth import HIT, UNKNOWN
from gatebench.analysis.columns import numbers
from gatebench.analysis.makers import no_attempts
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

_LEAST_HITS: Final = 20
_LEAST_ERRORS: Final = 1
_SETTLED_NS: Final = 200_000_000


def too_old(scope: Scope) -> pd.DataFrame:
    """Answers from a cache that were older than they may be, the oldest first."""
    rows = _aged(scope)
    beyond = rows.assign(beyond_ms=rows["age_ms"] - rows["longest_ms"])
    return beyond[beyond["beyond_ms"] > GRACE_MS].sort_values("beyond_ms", ascending=False, kind="stable")


@metric(unit="answers", better="lower", title="Stale answers", judged="exact", offenders=too_old, quiet=True)
def stale_answers(scope: Scope) -> Measured:
    """Answers from a cache that were older than the cache may serve. The age is sent - end of the attempt that made the
    answer, or of the last one that found the resource unchanged (304). Allowed are the TTL with its jitter (for a REST
    resource the origin's s-maxage or max-age) and stale-while-revalidate, as declared; in phases of faults, and for five
    seconds after an attempt that failed, stale-if-error if that is longer; 100 ms more are the gateway's for taking the
    answer in. At least 20 hits. An exact count: must be 0.
    """
    rows = _aged(scope)
    reason = _ageless(scope, rows)
    if reason:
        return unknown(reason, len(rows))
    stale = len(too_old(scope))
    return known(float(stale), len(rows), why=f"{stale} of {len(rows)} answers from a cache, {stale / len(rows):.2%}")


@metric(unit="s", better="lower", title="Staleness beyond the TTL", judged="exact", offenders=too_old, quiet=True)
def staleness_s(scope: Scope) -> Measured:
    """The largest age of an answer from a cache beyond what is allowed (see stale_answers), 0 when none is beyond it;
    without the 100 ms. At least 20 hits.
    """
    rows = _aged(scope)
    reason = _ageless(scope, rows)
    if reason:
        return unknown(reason, len(rows))
    beyond_ms = numbers(rows["age_ms"]) - numbers(rows["longest_ms"])
    oldest_ms = float(np.max(numbers(rows["age_ms"])))
    return known(max(0.0, float(np.max(beyond_ms)) / 1e3), len(rows), why=f"the oldest was {oldest_ms / 1e3:.2f} s old")


@metric(unit="s", better="lower", title="Age of cached answers p95", judged="exact", quiet=True)
def hit_age_p95_s(scope: Scope) -> Measured:
    """The age of the answers from a cache (see stale_answers), allowed or not: 95th percentile, nearest rank. At least
    20 hits.
    """
    rows = hits(askable(scope))
    reason = unheard(scope, askable(scope), 0)
    if reason or len(rows) < _LEAST_HITS:
        return unknown(reason or _few(rows), len(rows))
    ages = np.sort(numbers(rows["age_ms"]))
    return known(float(ages[int(np.ceil(0.95 * len(ages))) - 1]) / 1e3, len(rows))


def kept_errors(scope: Scope) -> pd.DataFrame:
    """Errors that were answered again: by their stamp, or, without one, because nobody asked a provider that was well again."""
    rows = who_made(scope)
    stamped = (rows["truth"] == HIT) & _is_error(rows) & (rows["age_ms"] > GRACE_MS)
    return rows[(stamped | _not_even_asked(scope.tables, rows)).astype(bool)]


@metric(unit="answers", better="lower", title="Errors from a cache", judged="exact", offenders=kept_errors, quiet=True)
def errors_cached(scope: Scope) -> Measured:
    """Errors that were kept and answered again. With a stamp: status 429 or 5xx, and the attempt that made it had ended
    more than 100 ms before the request was sent: until the gateway has taken it in, others may join. Without one: status
    5xx, no attempt for the request, an earlier attempt for the same key that failed, and since that one a good one for
    another that ended at least 200 ms before the request was sent, so that providers were asked and well. Where a gateway
    sheds load such an answer may be its own. At least 50 requests that a cache could answer, and one error. An exact
    count: must be 0.
    """
    rows = askable(scope)
    reason = unheard(scope, rows)
    if reason:
        return unknown(reason, len(rows))
    everyone = who_made(scope)
    attempts = scope.tables.attempts
    made = int(_is_error(everyone).sum())
    failed = 0 if attempts is None else int(((attempts["status"] == 429) | (attempts["status"] >= 500)).sum())
    if made + failed < _LEAST_ERRORS:
        return unknown("no provider answered with an error, so there was none to keep", len(rows))
    kept = len(kept_errors(scope))
    return known(float(kept), len(rows), why=f"{made} errors were answered, {kept} of them from a cache")


def _not_even_asked(tables: RunTables, rows: pd.DataFrame) -> pd.Series[bool]:
    """Tell which rows are errors without a stamp or an attempt although a provider was well and asked since their key had failed."""
    suspects = (
        rows["cacheable"].astype(bool) & (rows["truth"] == UNKNOWN) & (rows["status"] >= 500) & (rows["attempts"] == 0)
    )
    attempts = tables.attempts
    if attempts is None or not suspects.any():
        return suspects & False
    ended = attempts[(attempts["sample"] >= 0) & (attempts["ended_ns"] != NEVER)].sort_values("ended_ns", kind="stable")
    well = ended[ended["status"] == 200]
    well_ended_ns = well["ended_ns"].to_numpy(np.int64)
    last_begun_ns = np.maximum.accumulate(well["arrived_ns"].to_numpy(np.int64))
    failed = ended[(ended["status"] >= 500) | ended["status"].isin((0, 429))]
    failed_keys = tables.served["key"].loc[failed["sample"]].to_numpy(np.int64)
    failed_ns = failed["ended_ns"].to_numpy(np.int64)
    found = suspects.to_numpy(copy=True)
    sent_ns, keys = rows["sent_ns"].to_numpy(np.int64), rows["key"].to_numpy(np.int64)
    for place in np.flatnonzero(found).tolist():
        own_ns = failed_ns[(failed_keys == keys[place]) & (failed_ns < sent_ns[place])]
        before = int(np.searchsorted(well_ended_ns, sent_ns[place] - _SETTLED_NS))
        found[place] = len(own_ns) > 0 and before > 0 and bool(last_begun_ns[before - 1] > own_ns[-1])
    return suspects & found


def _is_error(rows: pd.DataFrame) -> pd.Series[bool]:
    return (rows["status"] == 429) | (rows["status"] >= 500)


def _aged(scope: Scope) -> pd.DataFrame:
    """Return the answers from a cache of which it is known how old they may be."""
    rows = hits(askable(scope))
    return rows[rows["longest_ms"].notna() & rows["complete"]]


def _ageless(scope: Scope, rows: pd.DataFrame) -> str:
    asked = askable(scope)
    reason = no_attempts(scope.tables) or unheard(scope, asked, 0)
    if reason:
        return reason
    if len(asked) and asked["longest_ms"].isna().all():
        return "neither the target nor the scenario declares the cache's TTL"
    return "" if len(rows) >= _LEAST_HITS else _few(rows)


def _few(rows: pd.DataFrame) -> str:
    return f"it takes {_LEAST_HITS} answers from a cache; here are {len(rows)}"
