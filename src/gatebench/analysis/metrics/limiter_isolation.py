"""Isolation by a limiter: what a tenant's flood does to the tenants that keep within their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatebench.analysis.metrics.limiter import cannot_tell, keys_of
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.shares import share
from gatebench.stats import JUDGED, SHOWN, Interval, wilson

if TYPE_CHECKING:
    import pandas as pd

LEAST: Final = 50


def victims_of(scope: Scope) -> tuple[list[str], list[str]]:
    """Return the tenants that keep within their limits, and those that flood."""
    keys = keys_of(scope, limited=False)
    return [key.tenant for key in keys if key.legitimate], [key.tenant for key in keys if key.flooding]


def of_tenants(rows: pd.DataFrame, tenants: list[str]) -> pd.DataFrame:
    """Return the rows of some tenants."""
    return rows[rows["tenant"].isin(tenants)]


def turned_away(scope: Scope) -> pd.DataFrame:
    """Return the rejected rows of tenants that keep within their limits."""
    if cannot_tell(scope):
        return scope.rows.iloc[:0]
    rows = of_tenants(scope.rows, victims_of(scope)[0])
    return rows[rows["outcome"] == "rejected"]


def not_good(scope: Scope) -> pd.DataFrame:
    """Return the rows of such tenants that were not good, the slowest first."""
    if cannot_tell(scope):
        return scope.rows.iloc[:0]
    rows = of_tenants(scope.rows, victims_of(scope)[0])
    return rows[~rows["good"]].sort_values("response_ms", ascending=False, kind="stable")


@metric(unit="share", better="lower", title="Rejections of legitimate tenants", offenders=turned_away)
def legitimate_rejected_share(scope: Scope) -> Measured:
    """Answers with status 429 ÷ sent, of the tenants whose requests all fit their limit: the exact model refuses at most
    one in a hundred of them. With Wilson's interval.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    victims, _ = victims_of(scope)
    rows = of_tenants(scope.rows, victims)
    if rows.empty:
        return unknown("every tenant asks for more than its limit")
    return share(len(turned_away(scope)), len(rows), why=f"{len(victims)} tenants keep within their limits")


@metric(unit="ratio", better="higher", title="Goodput of victims under a flood", offenders=not_good)
def victim_goodput_ratio(scope: Scope) -> Measured:
    """Share of good answers of the tenants that keep within their limits, here ÷ in the baseline, when nobody floods; 1 is
    perfect isolation. A tenant floods when the model refuses a tenth of its requests or more. The interval divides the
    ends of the two Wilson intervals. It takes 50 requests of such tenants on both sides.
    """
    reason = cannot_tell(scope)
    if reason:
        return unknown(reason)
    victims, flooding = victims_of(scope)
    if not flooding:
        return unknown("no tenant floods")
    usual = of_tenants(scope.tables.baseline, victims)
    rows = of_tenants(scope.rows, victims)
    rows = rows[~rows.index.isin(usual.index)]
    if min(len(usual), len(rows)) < LEAST:
        return unknown(
            f"the tenants that keep within their limits made {len(rows)} requests under the flood and {len(usual)} in the "
            f"baseline; it takes {LEAST} of each",
            len(rows),
        )
    here, before = int(rows["good"].sum()), int(usual["good"].sum())
    if before == 0:
        return unknown("nothing was good in the baseline", len(rows))

    def between(confidence: float) -> Interval:
        now, then = wilson(here, len(rows), confidence), wilson(before, len(usual), confidence)
        return Interval(now.low / then.high, now.high / then.low)

    ratio = (here / len(rows)) / (before / len(usual))
    why = f"{', '.join(flooding)} flooded; {here} of {len(rows)} answers to {len(victims)} others were good"
    return known(ratio, len(rows), shown=between(SHOWN), judged=between(JUDGED), confidence=SHOWN, why=why)
