"""What a cache does to its providers when its store has been away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.metrics.registry import Measured, known, outage_metric, unknown
from gatebench.analysis.windows import Outage

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables

_AFTER_S: Final = 10
_LEAST_BASELINE_S: Final = 3
_LEAST_REQUESTS: Final = 50


@outage_metric(unit="ratio", better="lower", title="Burst upstream after the fault", judged="exact")
def refill_burst(tables: RunTables, outage: Outage) -> Measured:
    """Attempts ÷ requests in the worst second of the ten after t1 ÷ the same over the baseline: what filling the cache again costs
    its providers. 1 when nothing is lost; as many times more as there were hits for one miss, when everything is. At least 3 s of
    baseline with 50 requests and an attempt, and seconds with 20 requests.
    """
    if not tables.has_ledger or not tables.ids_arrive:
        return unknown("the providers' ledger is not there in full, or does not say whose attempts they were")
    baseline = tables.baseline
    length_s = sum(window.length_s for window in tables.windows if window.role == "baseline")
    if length_s < _LEAST_BASELINE_S or len(baseline) < _LEAST_REQUESTS or not baseline["attempts"].sum():
        return unknown(
            f"it takes {_LEAST_BASELINE_S} s of baseline with {_LEAST_REQUESTS} requests and an attempt", len(baseline)
        )
    usual = float((baseline["attempts"] > 0).sum()) / len(baseline)
    until_ns = min(outage.until_ns, outage.t1_ns + _AFTER_S * 1_000_000_000)
    rows = tables.due_between(outage.t1_ns, until_ns)
    second = np.floor(rows["due_s"].to_numpy() - outage.t1_ns / 1e9).astype(np.int64)
    requests = np.bincount(second)
    asked = np.bincount(second, weights=(rows["attempts"] > 0).to_numpy(np.float64))
    busy = requests >= 20
    if not busy.any():
        return unknown("no second after the fault holds 20 requests", len(rows))
    worst = float((asked[busy] / requests[busy]).max())
    return known(
        worst / usual,
        len(rows),
        why=f"{worst:.0%} of requests reached a provider in the worst second, {usual:.0%} before",
    )
