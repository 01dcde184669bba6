"""Rate limits: what was admitted beyond the declared limiter, what was refused below it, and who got how much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.limited import Flags, LimitedKey, limit_of_tenant, tenants
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.oracles.limiter.fairness import jain
from gatebench.stats import Interval

if TYPE_CHECKING:
    import pandas as pd

LEAST_OF_A_TENANT: Final = 20
NOTHING_DECLARED: Final = (
    "nobody declares a limiter: neither the target ([declares.limiter]) nor the scenario (declared={...}), or it is off"
)
ALL_ROUTES: Final = "a limiter counts all routes of a key together"


def keys_of(scope: Scope, *, limited: bool = True) -> list[LimitedKey]:
    """Return the keys with headline rows in the scope; those with a limit, or all."""
    there = set(scope.rows["tenant"].dropna().unique().astype(str))
    keys = [key for name, key in scope.tables.keys.items() if name in there]
    return [key for key in keys if key.limit is not None] if limited else keys


def cannot_tell(scope: Scope) -> str:
    """Return why nothing can be said of a limiter here, or an empty text when something can."""
    if scope.route is not None:
        return ALL_ROUTES
    try:
        limited = any(limit_of_tenant(scope.tables.plan, name) is not None for name in tenants(scope.tables))
    except ValueError as error:
        return f"what is declared of the limiter cannot be understood: {error}"
    if not limited:
        return NOTHING_DECLARED
    return "" if keys_of(scope) else "no tenant with a limit asked for anything here"


def inside(scope: Scope, key: LimitedKey) -> Flags:
    """Tell which rows of a key belong to the scope."""
    return np.asarray(key.rows.index.isin(scope.rows.index))


def excess(scope: Scope, key: LimitedKey) -> tuple[float, float]:
    """Return what was admitted beyond a key's limit within the scope, and how much that may be too low.

    A limiter remembers what was before: of a phase it is the excess up to its end less that up to its beginning. The
    run counts whole, its warm-up included.
    """
    everything = np.ones(len(key.rows), np.bool_)
    if scope.phase is None:
        return key.over(everything), key.error(everything)
    first, last = int(scope.rows["due_ns"].min()), int(scope.rows["due_ns"].max())
    before, until = key.due_before(first), key.due_before(last + 1)
    return max(0.0, key.over(until) - key.over(before)), key.error(until)


def _worst(scope: Scope) -> Iterator[tuple[float, float, LimitedKey]]:
    for key in keys_of(scope):
        over, error = excess(scope, key)
        yield over, error, key


def crowded(scope: Scope) -> pd.DataFrame:
    """Return the admitted rows of the key that exceeds its limit most, the fullest period first."""
    keys = [] if cannot_tell(scope) else keys_of(scope)
    if not keys:
        return scope.rows.iloc[:0]
    key = max(keys, key=lambda one: excess(scope, one)[0])
    rows = key.rows[key.admitted & inside(scope, key)]
    period_ns = key.limit.period_ns if key.limit else 1
    sent = np.sort(rows["sent_ns"].to_numpy(np.int64))
    around = np.searchsorted(sent, rows["sent_ns"] + period_ns) - np.searchsorted(sent, rows["sent_ns"])
    return rows.assign(_around=around).sort_values("_around", ascending=False, kind="stable").drop(columns="_around")


@metric(unit="requests", better="lower", title="Over-admission", offenders=crowded)
def over_admission_requests(scope: Scope) -> Measured:
    """The requests (or tokens) of the tenant that exceeds its limit most, admitted beyond what the declared algorithm
    admits: the largest sum, over windows that do not overlap, of what was surely admitted inside less the most that the
    algorithm admits in such a window. At least that many would have to be taken back for the rest to conform. A request is
    admitted between the sending of it and its arrival at a provider (or the first byte of its answer), so the number may be
    low by a stated error: its interval reaches from the number to the number and that error.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    found = list(_worst(scope))
    over, error, key = max(found, key=lambda one: one[0])
    doubt = max(found, key=lambda one: one[1])
    admitted = sum(int((one.admitted & inside(scope, one)).sum()) for _, _, one in found)
    limit = key.limit.sentence() if key.limit else ""
    total = sum(each for each, _, _ in found)
    why = (
        f"{key.tenant}: {over:.1f} beyond {limit}; all tenants together {total:.1f}, at most {error:.2f} too low"
        if over
        else f"no tenant exceeds its limit ({limit}); at most {doubt[1]:.2f} may be missed"
    )
    return known(over, admitted, shown=Interval(over, max(over + error, doubt[1])), why=why)


@metric(unit="share", better="lower", title="Over-admission, share", judged="exact", offenders=crowded)
def over_admission_share(scope: Scope) -> Measured:
    """Over-admission ÷ admitted, of the tenant for which that is highest; the share of all tenants stands beside it. It
    takes at least 20 admitted requests of a tenant.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    shares, over_all, admitted_all = [], 0.0, 0.0
    for over, _, key in _worst(scope):
        among = key.admitted & inside(scope, key)
        cost = float(key.spans.cost[among].sum())
        over_all, admitted_all = over_all + over, admitted_all + cost
        if among.sum() >= LEAST_OF_A_TENANT:
            shares.append((over / cost, int(among.sum()), key))
    if not shares:
        return unknown(f"no tenant had {LEAST_OF_A_TENANT} requests admitted")
    share, count, key = max(shares, key=lambda one: one[0])
    return known(share, count, why=f"{key.tenant}: {share:.2%}; all tenants together {over_all / admitted_all:.2%}")


@metric(unit="ratio", better="lower", title="Edge burst", judged="exact", offenders=crowded)
def edge_burst(scope: Scope) -> Measured:
    """The most that was surely admitted of one tenant within any one period ÷ its limit, the highest of all tenants. What the
    algorithm allows stands beside it: 1 for a sliding log, 2 for a fixed window (two of them meet), 1 + burst ÷ limit
    for a bucket. Unknown for concurrency, and when no tenant had its limit's worth admitted.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    found = []
    for key in keys_of(scope):
        among = key.admitted & inside(scope, key)
        if key.limit is None or key.limit.algorithm == "concurrency" or key.spans.cost[among].sum() < key.limit.limit:
            continue
        most = key.most_in_a_period(among)
        found.append((most / key.limit.limit, most, int(among.sum()), key, key.limit))
    if not found:
        return unknown("no tenant with a limit in time had as much admitted as its limit of one period")
    ratio, most, count, key, limit = max(found, key=lambda one: one[0])
    allowed = limit.most_in_a_period() / limit.limit
    return known(
        ratio,
        count,
        why=f"{key.tenant}: {most} within {limit.period_ns / 1e9:g} s; {limit.algorithm} allows {allowed:g}",
    )


def falsely_refused(scope: Scope) -> pd.DataFrame:
    """Return the rows that were refused though the limiter had room."""
    if scope.route is not None or cannot_tell(scope):
        return scope.rows.iloc[:0]
    chosen = [index for key in keys_of(scope, limited=False) for index in key.rows.index[key.falsely_refused]]
    return scope.rows[scope.rows.index.isin(chosen)]


@metric(unit="requests", better="lower", title="False rejections", judged="exact", offenders=falsely_refused)
def false_rejects(scope: Scope) -> Measured:
    """Requests that the gateway itself answered with 429 while the declared limiter, fed with what was really admitted,
    surely had room for them and one more. Of tenants without a limit every such answer is one. A 429 that a provider made
    (it carries its stamp, or the provider saw the request) is not the limiter's.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    refused = sum(int((key.refused & inside(scope, key)).sum()) for key in keys_of(scope, limited=False))
    found = len(falsely_refused(scope))
    return known(float(found), len(scope.rows), why=f"{found} of {refused} rejections")


@metric(unit="requests", better="lower", title="Under-admission", judged="exact", offenders=falsely_refused)
def under_admission_requests(scope: Scope) -> Measured:
    """What the exact model admits of the same arrivals - what was admitted, summed over the tenants for which that is
    positive. Arrivals are taken in the middle of the time in which they must have been decided on, and windows where they
    admit least, so the number is right to about one request a tenant.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    missing = 0
    worst = (0, "")
    for key in keys_of(scope):
        among = inside(scope, key)
        less = int((key.replayed & among).sum()) - int((key.admitted & among).sum())
        missing += max(0, less)
        worst = max(worst, (less, key.tenant))
    why = f"{worst[1]} alone {worst[0]}" if missing else "no tenant got less than the model admits"
    return known(float(missing), len(scope.rows), why=why)


@metric(unit="requests", better="lower", title="Quota error", judged="exact")
def quota_error_requests(scope: Scope) -> Measured:
    """Of the tenants that asked for more than their quota: the largest difference between what was admitted and what the
    exact model admits of the same arrivals, over the whole run; of fixed windows summed over the windows, which lie where
    that is smallest. Unknown when no tenant reached its quota, and when tokens are counted.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    found = []
    for key in keys_of(scope):
        if key.limit is not None and key.limit.counts == "tokens":
            return unknown("the limiter counts tokens: over- and under-admission say what became of them")
        decided = key.admitted | key.refused
        wanted, got = int(key.replayed.sum()), int(key.admitted.sum())
        if wanted < decided.sum() or key.refused.any():
            found.append((key.quota_error(), got, key))
    if not found:
        return unknown("no tenant asked for more than its quota")
    worst, got, key = max(found, key=lambda one: one[0])
    limit = key.limit.sentence() if key.limit else ""
    why = f"{key.tenant}: {got} admitted, {worst} off the model ({limit})"
    return known(float(worst), sum(one[1] for one in found), why=why)


@metric(unit="index", better="higher", title="Fairness among tenants (Jain)", judged="exact")
def fairness_jain(scope: Scope) -> Measured:
    """Jain's index over tenants of admitted ÷ what the declared algorithm admits of their arrivals: 1 when all get the same
    share of what is theirs, 1 ÷ number when one gets everything. It takes two tenants with at least 20 requests each.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    shares = {}
    for key in keys_of(scope, limited=False):
        among = inside(scope, key)
        entitled = int((key.replayed & among).sum())
        if among.sum() >= LEAST_OF_A_TENANT and entitled:
            shares[key.tenant] = int((key.admitted & among).sum()) / entitled
    index = jain(list(shares.values())) if len(shares) >= 2 else None
    if len(shares) >= 2 and index is None:
        return unknown("no tenant had anything admitted")
    if index is None:
        return unknown(f"it takes two tenants with {LEAST_OF_A_TENANT} requests each")
    least = min(shares, key=lambda name: shares[name])
    return known(index, len(scope.rows), why=f"least: {least} with {shares[least]:.0%} of what is its own")
