"""Routing: who served whom, held against the weights that were in force, and against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import is_any, numbered, parts, pd_notna, values_of
from gatebench.analysis.flags import NOBODY_CHANGED, changes, in_force, weights_under
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.windows import TRANSITION
from gatebench.oracles.split import Deviation, shares, worst_deviation
from gatebench.stats import SHOWN

if TYPE_CHECKING:
    import pandas as pd

LEAST_SPLIT: Final = 100
LEAST_TENANTS: Final = 20
LEAST_PINNED: Final = 20
_UNDISTURBED: Final = ("baseline", "steady")


def by_choice(scope: Scope) -> pd.DataFrame:
    """Return the complete, stamped answers that were routed and not failed over, outside faults, when flags had settled.

    For the run those are the phases with the role baseline or steady; after a second attempt nobody can say which variant
    the request was meant for. `change` says which change of flags was in force.
    """
    return scope.kept("by_choice", lambda: _by_choice(scope))


def _by_choice(scope: Scope) -> pd.DataFrame:
    rows = scope.rows
    stamped = values_of(rows, "complete") & pd_notna(values_of(rows, "provider"))
    rows = rows[stamped & (values_of(rows, "attempts") <= 1)]
    if scope.phase is None:
        quiet = [window.name for window in scope.tables.windows if window.role in _UNDISTURBED]
        rows = rows[is_any(values_of(rows, "label"), quiet)]
    elif scope.phase == TRANSITION:
        rows = rows.iloc[:0]
    number, settled = in_force(scope.tables, rows)
    found: pd.DataFrame = rows.assign(change=number)[settled]
    return found


def _tallied(rows: pd.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each tenant under each change of flags its number, and how often each provider served it."""
    (tenant, tenants), (provider, providers) = (numbered(values_of(rows, name)) for name in ("tenant", "provider"))
    change, found = values_of(rows, "change"), []
    for one in np.unique(change):
        served = np.zeros(tenants * providers, np.int64)
        for part in parts(len(rows)):
            there = (change[part] == one) & (tenant[part] >= 0) & (provider[part] >= 0)
            pairs = tenant[part][there].astype(np.int64) * providers + provider[part][there]
            served += np.bincount(pairs, minlength=len(served))
        found.append(served.reshape(tenants, providers))
    each = np.concatenate(found) if found else np.empty((0, max(1, providers)), np.int64)
    served_at_all = np.flatnonzero(each.sum(1))
    return served_at_all % max(1, tenants), each[served_at_all]


def _pinned(scope: Scope, rows: pd.DataFrame) -> pd.Series[str]:
    """Return for each row the provider that flags name for its tenant, empty for none."""
    found = np.full(len(rows), "", dtype=object)
    made = changes(scope.tables)
    tenants = rows["tenant"].astype(str).to_numpy() if made else found
    for place, change in enumerate(made):
        here = (rows["change"] == place).to_numpy() & (not change.flags.rollback)
        for tenant, provider in change.flags.tenants.items():
            found[here & (tenants == tenant)] = provider
    import pandas as pd

    return pd.Series(found, index=rows.index, dtype=object)


def _no_stamps(scope: Scope) -> str:
    if scope.tables.has_stamps:
        return ""
    return f'at the level of evidence "{scope.tables.plan.evidence}" answers do not say which provider made them'


def _drawn(scope: Scope) -> pd.DataFrame:
    """Return the answers to those whom no flag names, one a tenant where the choice is made once for each."""
    rows = by_choice(scope)
    if changes(scope.tables):
        rows = rows[(_pinned(scope, rows) == "").to_numpy()]
    sticky = scope.tables.plan.declared.get("routing", {}).get("kind") == "sticky"
    return rows.drop_duplicates("tenant") if sticky else rows


def _split(scope: Scope) -> tuple[Deviation, int] | str:
    """Return the deviation from the weights in force, and of how many; or why there is none to tell."""
    reason = _no_stamps(scope)
    if reason:
        return reason
    rows = _drawn(scope)
    if len(rows) < LEAST_SPLIT:
        return (
            f"a split takes at least {LEAST_SPLIT} answers (or tenants, where routing is sticky); here were {len(rows)}"
        )
    regimes = sorted(rows["change"].unique().tolist())
    if len(regimes) > 1:
        return "the flags changed in the middle; ask for one phase"
    made = changes(scope.tables)
    try:
        wanted = weights_under(scope.tables, None if regimes[0] == NOBODY_CHANGED else made[regimes[0]].flags)
    except ValueError as error:
        return str(error)
    if not wanted:
        return "the target declares no weights by which it splits"
    counts = {str(name): int(count) for name, count in rows["provider"].value_counts().items() if count}
    return worst_deviation(counts, shares(wanted)), len(rows)


def in_the_wrong_place(scope: Scope) -> pd.DataFrame:
    """Answers by the variant that got too much."""
    found, rows = _split(scope), _drawn(scope)
    if isinstance(found, str):
        return rows.iloc[:0]
    is_it = rows["provider"] == found[0].variant
    return rows[is_it if found[0].difference > 0 else ~is_it]


def moved(scope: Scope) -> pd.DataFrame:
    """Answers to tenants that were served by several variants under the same flags, but those of the first of them."""
    rows = by_choice(scope)
    first = rows.groupby(["tenant", "change"], observed=True)["provider"].transform("first")
    return rows[rows["provider"].astype(str) != first.astype(str)]


def against_flags(scope: Scope) -> pd.DataFrame:
    """Answers to tenants whom flags give to a provider that another one made."""
    rows = by_choice(scope)
    pinned = _pinned(scope, rows)
    return rows[((pinned != "") & (rows["provider"].astype(str) != pinned)).to_numpy()]


@metric(unit="share", better="lower", title="Split error", offenders=in_the_wrong_place, quiet=True)
def split_error(scope: Scope) -> Measured:
    """Largest |observed share - configured share| over the providers, by the weights in force, of the answers outside
    faults that took a single attempt; where routing is sticky, of the tenants. Tenants whom flags name are left out, and
    the two seconds after a change of flags. The interval is Clopper's and Pearson's. At least 100 answers (tenants).
    """
    found = _split(scope)
    if isinstance(found, str):
        return unknown(found)
    worst, n = found
    why = f"{worst.variant} got {worst.difference:+.2%} of {n}"
    return known(abs(worst.difference), n, shown=worst.shown, judged=worst.judged, confidence=SHOWN, why=why)


@metric(
    unit="share", better="lower", title="Split beyond chance", judged="exact", offenders=in_the_wrong_place, quiet=True
)
def split_beyond_chance(scope: Scope) -> Measured:
    """How far the configured share lies outside the interval of the observed one (alpha = 0.001 at each end); 0 where
    chance alone explains the split. Must be 0: a split of 12 % instead of 10 % is found with 6 000 answers. At least 100
    answers (tenants, where routing is sticky).
    """
    found = _split(scope)
    if isinstance(found, str):
        return unknown(found)
    worst, n = found
    return known(worst.beyond, n, why=f"{worst.variant} got {worst.difference:+.2%} of {n}")


@metric(
    unit="tenants", better="lower", title="Tenants on several variants", judged="exact", offenders=moved, quiet=True
)
def stickiness_violations(scope: Scope) -> Measured:
    """Tenants whose answers outside faults, each after a single attempt and under the same flags, came from more than one
    provider. Must be 0 where routing is sticky. At least 20 tenants with two answers.
    """
    reason = _no_stamps(scope)
    if reason:
        return unknown(reason)
    tenant, served = _tallied(by_choice(scope))
    several = served.sum(1) > 1
    count = len(np.unique(tenant[several]))
    if count < LEAST_TENANTS:
        return unknown(f"it takes {LEAST_TENANTS} tenants with two answers; here were {count}", count)
    apart = len(np.unique(tenant[several & ((served > 0).sum(1) > 1)]))
    return known(float(apart), count, why=f"{apart} of {count} tenants")


@metric(unit="answers", better="lower", title="Flags ignored", judged="exact", offenders=against_flags, quiet=True)
def flags_ignored(scope: Scope) -> Measured:
    """Answers to tenants whom flags give to one provider that another provider made, after a single attempt, outside
    faults, two seconds after the flags were set and later. Must be 0. At least 20 answers to such tenants.
    """
    reason = _no_stamps(scope)
    if reason:
        return unknown(reason)
    concerned = int((_pinned(scope, by_choice(scope)) != "").sum()) if changes(scope.tables) else 0
    if concerned < LEAST_PINNED:
        return unknown(f"it takes {LEAST_PINNED} answers to tenants whom flags name; here were {concerned}", concerned)
    return known(float(len(against_flags(scope))), concerned)
