"""How many fetches an expiry costs: one, if those who ask at the same time share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.caching.rows import askable, unheard
from gatebench.analysis.columns import belong, values_of
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.work import INVISIBLE
from gatebench.oracles.cache import Burst, Fetches, bursts
from gatebench.sample import NEVER
from gatebench.stats import percentile

if TYPE_CHECKING:
    import pandas as pd

LEAST_BURSTS: Final = 5
LEAST_FOR_P95: Final = 20


def crowding(scope: Scope) -> pd.DataFrame:
    """Requests that fetched what another request was fetching already, those of the largest burst first."""
    owned = _owned(scope)
    if isinstance(owned, str):
        return scope.rows.iloc[:0]
    found = sorted(_contested(scope, owned), key=lambda burst: -burst.attempts)
    positions = owned["sample"].to_numpy(np.int64)
    order = [positions[place] for burst in found if burst.attempts > 1 for place in burst.members]
    return scope.rows.loc[order]


@metric(unit="attempts", better="lower", title="Stampede factor", judged="exact", offenders=crowding, quiet=True)
def stampede_factor(scope: Scope) -> Measured:
    """The most attempts for one key in one expiry; ideal 1. An expiry lasts from the arrival of its first attempt to the
    end of the first good one; only those count in which a further request for the key was sent. Retries and canaries
    are left out. At least 5 such expiries. An exact count.
    """
    found = _measured(scope, LEAST_BURSTS)
    if isinstance(found, Measured):
        return found
    worst = max(found, key=lambda burst: burst.attempts)
    why = f"in {len(found)} contested expiries; the worst had {worst.attempts} attempts for {worst.requests} requests"
    return known(float(worst.attempts), len(found), why=why)


@metric(unit="attempts", better="lower", title="Stampede factor p95", judged="exact", offenders=crowding, quiet=True)
def stampede_factor_p95(scope: Scope) -> Measured:
    """As stampede_factor: the 95th percentile over the contested expiries, nearest rank. At least 20."""
    found = _measured(scope, LEAST_FOR_P95)
    if isinstance(found, Measured):
        return found
    return known(float(percentile(np.sort([float(burst.attempts) for burst in found]), 0.95)), len(found))


@metric(unit="share", better="higher", title="Coalescing efficiency", judged="exact", offenders=crowding, quiet=True)
def coalescing_efficiency(scope: Scope) -> Measured:
    """Fetches that were spared ÷ those that could have been, over the contested expiries: Σ (requests - attempts) ÷
    Σ (requests - 1). 1 when one request fetches and all others share. At least 5 contested expiries. An exact count.
    """
    found = _measured(scope, LEAST_BURSTS)
    if isinstance(found, Measured):
        return found
    spared = sum(burst.requests - burst.attempts for burst in found)
    return known(spared / sum(burst.requests - 1 for burst in found), len(found))


def _measured(scope: Scope, least: int) -> list[Burst] | Measured:
    """Return the contested bursts, or why there are too few."""
    rows = askable(scope)
    owned = _owned(scope)
    reason = unheard(scope, rows, 0) or (owned if isinstance(owned, str) else "")
    if reason or isinstance(owned, str):
        return unknown(reason)
    found = _contested(scope, owned)
    if len(found) < least:
        why = f"it takes {least} expiries in which a second request came before the first fetch had ended; here are {len(found)}"
        return unknown(why, len(found))
    return found


def _owned(scope: Scope) -> pd.DataFrame | str:
    """Return the first attempt of each cacheable request of the scope, with its key; or why nobody can tell them."""
    attempts = scope.tables.attempts
    if attempts is None or not scope.tables.ids_arrive:
        return "request ids do not reach the providers, so nobody knows whose attempts they were"
    if any(not outage.attempts_visible and scope.phase in (None, outage.phase) for outage in scope.tables.outages):
        return INVISIBLE
    rows = askable(scope)
    own = attempts[belong(values_of(attempts, "sample"), rows.index)].sort_values("arrived_ns", kind="stable")
    own = own[~own["sample"].duplicated()]
    return own.assign(key=rows["key"].loc[own["sample"]].to_numpy(np.int64))


def _contested(scope: Scope, owned: pd.DataFrame) -> list[Burst]:
    """Return the bursts of the attempts in which there was something to share."""
    rows = askable(scope)
    ended_ns = owned["ended_ns"].to_numpy(np.int64)
    forever = np.iinfo(np.int64).max
    found = bursts(
        Fetches(
            owned["key"].to_numpy(np.int64),
            owned["arrived_ns"].to_numpy(np.int64),
            np.where(ended_ns == NEVER, forever, ended_ns),
            ((owned["end"] == "completed") & owned["status"].isin((200, 304))).to_numpy(),
        ),
        rows["key"].to_numpy(np.int64),
        rows["sent_ns"].to_numpy(np.int64),
    )
    return [burst for burst in found if burst.contested]
