"""Routing: who served whom, held against the weights that were configured, and against itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.windows import TRANSITION
from gatebench.oracles.split import Deviation, shares, worst_deviation
from gatebench.stats import SHOWN

if TYPE_CHECKING:
    import pandas as pd

LEAST_SPLIT: Final = 100
LEAST_TENANTS: Final = 20
_UNDISTURBED: Final = ("baseline", "steady")


def by_choice(scope: Scope) -> pd.DataFrame:
    """Return the complete, stamped answers that were routed and not failed over, outside faults.

    For the run those are the phases with the role baseline or steady; after a second attempt nobody can say which variant
    the request was meant for.
    """
    rows = scope.rows[scope.rows["complete"] & scope.rows["provider"].notna() & (scope.rows["attempts"] <= 1)]
    if scope.phase is None:
        quiet = [window.name for window in scope.tables.windows if window.role in _UNDISTURBED]
        return rows[rows["label"].isin(quiet)]
    return rows if scope.phase != TRANSITION else rows.iloc[:0]


def _split(scope: Scope) -> tuple[Deviation, int, str] | str:
    """Return the deviation from the declared weights, of how many what; or why there is none to tell."""
    declared = scope.tables.plan.declared.get("routing", {})
    weights, kind = str(declared.get("weights", "") or ""), declared.get("kind")
    if not weights or kind not in ("weighted", "sticky"):
        return "the target declares no weights by which it splits"
    if not scope.tables.has_stamps:
        return f'at the level of evidence "{scope.tables.plan.evidence}" answers do not say which provider made them'
    try:
        configured = shares(weights)
    except ValueError as error:
        return str(error)
    rows = by_choice(scope)
    what = "answers"
    if kind == "sticky":  # the choice is made once for a tenant, so tenants are what is drawn
        rows, what = rows.drop_duplicates("tenant"), "tenants"
    counts = {str(name): int(count) for name, count in rows["provider"].value_counts().items() if count}
    n = len(rows)
    if n < LEAST_SPLIT:
        return f"a split takes at least {LEAST_SPLIT} {what}; here were {n}"
    return worst_deviation(counts, configured), n, what


def in_the_wrong_place(scope: Scope) -> pd.DataFrame:
    """Answers by the variant that got too much."""
    found = _split(scope)
    rows = by_choice(scope)
    if isinstance(found, str):
        return rows.iloc[:0]
    is_it = rows["provider"] == found[0].variant
    return rows[is_it if found[0].difference > 0 else ~is_it]


def moved(scope: Scope) -> pd.DataFrame:
    """Answers to tenants that were served by several variants, but those of the one that served them first."""
    rows = by_choice(scope)
    first = rows.groupby("tenant", observed=True)["provider"].transform("first")
    return rows[rows["provider"].astype(str) != first.astype(str)]


@metric(unit="share", better="lower", title="Split error", offenders=in_the_wrong_place, quiet=True)
def split_error(scope: Scope) -> Measured:
    """Largest |observed share - configured share| over the providers, of the answers outside faults that took a single
    attempt; for sticky routing of the tenants. The interval is Clopper's and Pearson's. At least 100 answers (tenants).
    """
    found = _split(scope)
    if isinstance(found, str):
        return unknown(found)
    worst, n, what = found
    why = f"{worst.variant} got {worst.difference:+.2%} of {n} {what}"
    return known(abs(worst.difference), n, shown=worst.shown, judged=worst.judged, confidence=SHOWN, why=why)


@metric(
    unit="share", better="lower", title="Split beyond chance", judged="exact", offenders=in_the_wrong_place, quiet=True
)
def split_beyond_chance(scope: Scope) -> Measured:
    """How far the configured share lies outside the interval of the observed one (alpha = 0.001 at each end); 0 where
    chance alone explains the split. Must be 0: a split of 12 % instead of 10 % is found with 6 000 answers. At least 100
    answers (tenants, for sticky routing).
    """
    found = _split(scope)
    if isinstance(found, str):
        return unknown(found)
    worst, n, what = found
    return known(worst.beyond, n, why=f"{worst.variant} got {worst.difference:+.2%} of {n} {what}")


@metric(
    unit="tenants", better="lower", title="Tenants on several variants", judged="exact", offenders=moved, quiet=True
)
def stickiness_violations(scope: Scope) -> Measured:
    """Tenants whose answers outside faults, each after a single attempt, came from more than one provider. Must be 0 where
    routing is sticky. At least 20 tenants with two answers.
    """
    if not scope.tables.has_stamps:
        return unknown(f'at the level of evidence "{scope.tables.plan.evidence}" answers do not say who made them')
    rows = by_choice(scope)
    by_tenant = rows.groupby("tenant", observed=True)["provider"].agg(["size", "nunique"])
    several = by_tenant[by_tenant["size"] > 1]
    if len(several) < LEAST_TENANTS:
        return unknown(f"it takes {LEAST_TENANTS} tenants with two answers; here were {len(several)}", len(several))
    apart = int((several["nunique"] > 1).sum())
    return known(float(apart), len(several), why=f"{apart} of {len(several)} tenants")
