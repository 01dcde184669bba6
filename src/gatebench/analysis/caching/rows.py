"""The rows of a scope that a cache could have answered, and why nothing can be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.caching.terms import is_pooled
from gatebench.analysis.caching.truth import COLUMNS, HIT, UNKNOWN
from gatebench.analysis.makers import no_attempts
from gatebench.analysis.metrics.registry import Scope

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.plan import Plan

LEAST: Final = 50
"""Requests below which no ratio of cacheable ones is given."""
GRACE_MS: Final = 100.0
"""From the end of an attempt to the moment at which a gateway keeps its answer: so much older it may look than it is."""


def asks_again(plan: Plan) -> bool:
    """Tell whether any route asks for anything again."""
    return any(is_pooled(route) for route in plan.traffic.routes)


def who_made(scope: Scope) -> pd.DataFrame:
    """Return the scope's rows with what `gatebench.analysis.caching.served` says of each; none where nothing is asked again."""
    if not asks_again(scope.tables.plan):
        return scope.rows.iloc[:0].assign(**dict.fromkeys(COLUMNS, 0))
    return scope.rows.join(scope.tables.served)


def askable(scope: Scope) -> pd.DataFrame:
    """Return the rows that a cache could have answered, and that were sent."""
    rows = who_made(scope)
    return rows[rows["cacheable"].astype(bool) & (rows["outcome"] != "unsent")]


def hits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were answered from a cache."""
    return rows[rows["truth"] == HIT]


def unheard(scope: Scope, rows: pd.DataFrame, least: int = LEAST) -> str:
    """Return why a ratio of `rows`, which a cache could have answered, cannot be given, or an empty text."""
    reason = no_attempts(scope.tables)
    if reason:
        return reason
    if not asks_again(scope.tables.plan):
        return "no route of the traffic asks for anything again; give chat(prompts=…), chat(questions=True) or rest()"
    if len(rows) < least:
        return f"it takes {least} requests that a cache could answer; here are {len(rows)}"
    complete = rows[rows["complete"]]
    if len(complete) and float(np.mean(complete["truth"] == UNKNOWN)) > 0.5:
        return "most answers carry no stamp, so nobody can tell who made them"
    return ""
