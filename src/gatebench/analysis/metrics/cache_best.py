"""How much of what was possible a cache achieved: its hits beside the best that the same sequence allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gatebench.analysis.caching.rows import LEAST, askable, unheard
from gatebench.analysis.caching.terms import Terms, is_pooled, terms_of
from gatebench.analysis.caching.truth import HIT, JOINED
from gatebench.analysis.metrics.cache import not_hit
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.oracles.cache import FETCH, Lifetime, ceiling, farthest, recent

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

_LEAST_FETCHES: Final = 20


class _Best(NamedTuple):
    """Which requests, by their position in the samples, need no fetch under each policy; the ceiling counts them all."""

    positions: npt.NDArray[np.int64]
    lru: npt.NDArray[np.bool_]
    belady: npt.NDArray[np.bool_]
    ceiling: int


@metric(unit="ratio", better="higher", title="Cache efficiency", judged="exact", offenders=not_hit, quiet=True)
def cache_efficiency(scope: Scope) -> Measured:
    """Requests that needed no fetch of their own (hits and coalesced ones) ÷ those that needed none under the best
    policy for the same sequence of keys and times, declared TTL and capacity: Belady's MIN, which knows the future;
    without a capacity any cache. Requests of the warm-up fill it too. Fetches take what the median attempt of the run took, and
    an age counts from a fetch's end. LRU's own value is shown beside it, and, where TTL and capacity both bind, the bound that no
    policy can exceed. At least 50 requests and 20 fetches; the spread of fetch times can carry it a little above 1.
    """
    rows = askable(scope)
    reason = unheard(scope, rows) or _undeclared(scope)
    if reason:
        return unknown(reason, len(rows))
    saved = int(rows["truth"].isin((HIT, JOINED)).sum())
    lru = belady = bound = 0
    for route, terms in _routes(scope).items():
        best = _best(scope.tables, route, terms)
        if isinstance(best, str):
            return unknown(best, len(rows))
        inside = np.isin(best.positions, rows.index.to_numpy())
        lru, belady, bound = (
            lru + int(best.lru[inside].sum()),
            belady + int(best.belady[inside].sum()),
            bound + best.ceiling,
        )
    if belady < LEAST:
        return unknown(
            f"the best policy itself answers only {belady} of {len(rows)} requests; it takes {LEAST}", len(rows)
        )
    said = f"{saved} of {len(rows)} requests needed no fetch; Belady's MIN {belady}, LRU {lru}"
    whole = scope.phase is None and scope.route is None
    return known(saved / belady, len(rows), why=f"{said}; over the run no policy above {bound}" if whole else said)


def _routes(scope: Scope) -> dict[str, Terms]:
    """Return the terms of the routes of the scope that ask again."""
    return {
        route.name: terms_of(scope.tables.plan, route)
        for route in scope.tables.plan.traffic.routes
        if is_pooled(route) and scope.route in (None, route.name)
    }


def _undeclared(scope: Scope) -> str:
    routes = _routes(scope)
    if any(not terms.on or terms.ttl_ns is None for terms in routes.values()):
        return "neither the target nor the scenario declares a cache and its TTL"
    if len(routes) > 1 and any(terms.capacity for terms in routes.values()):
        return "several routes share a capacity, and the best possible is computed for one"
    return ""


def _best(tables: RunTables, route: str, terms: Terms) -> _Best | str:
    """Return the best possible for a route's requests over the whole run, or why it cannot be computed."""
    rows = tables.at_target.join(tables.served)
    rows = rows[rows["cacheable"] & (rows["route"] == route) & (rows["outcome"] != "unsent")]
    rows = rows.sort_values("sent_ns", kind="stable")
    fetch_ns = _fetch_ns(tables, rows)
    if fetch_ns is None:
        return f"it takes {_LEAST_FETCHES} completed attempts to know what a fetch takes"
    lifetime = Lifetime(terms.ttl_ns, fetch_ns, terms.revalidate_ns)
    keys, times = rows["topic"].to_numpy(np.int64).tolist(), rows["sent_ns"].to_numpy(np.int64).tolist()
    return _Best(
        rows.index.to_numpy(),
        recent(keys, times, lifetime, terms.capacity) != FETCH,
        farthest(keys, times, lifetime, terms.capacity) != FETCH,
        ceiling(keys, times, lifetime, terms.capacity),
    )


def _fetch_ns(tables: RunTables, rows: pd.DataFrame) -> int | None:
    """Return the median time of the completed attempts that these requests caused."""
    attempts = tables.attempts
    if attempts is None:
        return None
    own = attempts[(attempts["end"] == "completed") & attempts["sample"].isin(rows.index)]
    return int(np.median(own["ended_ns"] - own["arrived_ns"])) if len(own) >= _LEAST_FETCHES else None
