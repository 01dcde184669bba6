"""What retries do to a service that comes back: how long they go on, and whether it ever gets out from under them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.metrics.recovery import NO_BASELINE, after, time_to_recover_s
from gatebench.analysis.metrics.registry import Measured, censored, known, outage_metric, unknown
from gatebench.analysis.metrics.work import LEAST_IN_A_SECOND, no_ledger
from gatebench.analysis.windows import Outage
from gatebench.sample import NEVER
from gatebench.stats import Interval

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables

BUDGET: Final = 0.1
UNCHANGED: Final = 0.1
_S: Final = 1_000_000_000


@outage_metric(unit="s", better="lower", title="Tail of the retries", judged="exact")
def amplification_tail_s(tables: RunTables, outage: Outage) -> Measured:
    """End of the last second after t1 in which further attempts ÷ requests sent was above 0.1; 0 when there was none. Seconds
    with fewer than 20 requests do not count. Above the observed time when it was the last one.
    """
    reason = no_ledger(tables)
    if reason or not outage.cleared:
        return unknown(reason or "the end of the fault is not recorded")
    seconds = (outage.until_ns - outage.t1_ns) // _S
    if seconds < 1:
        return unknown("less than a second follows the fault")
    sent_ns = tables.load.loc[tables.load["sent_ns"] != NEVER, "sent_ns"].to_numpy(np.int64)
    found = tables.attempts_in_order
    further_ns = found.loc[found["number"] > 0, "arrived_ns"].to_numpy(np.int64)
    bins = tables.start_ns + outage.t1_ns + np.arange(seconds + 1) * _S
    requests, further = np.histogram(sent_ns, bins)[0], np.histogram(further_ns, bins)[0]
    busy = requests >= LEAST_IN_A_SECOND
    if not busy.any():
        return unknown(f"no second after the fault holds {LEAST_IN_A_SECOND} requests", int(requests.sum()))
    over = np.flatnonzero(busy & (further > BUDGET * requests))
    last = int(over[-1]) + 1 if len(over) else 0
    if last == seconds:
        return censored(float(last), "retries were above their budget to the end", int(requests.sum()))
    return known(float(last), int(requests.sum()), shown=Interval(max(0.0, last - 1.0), float(last)))


@outage_metric(unit="runs", better="lower", title="Metastable", judged="exact", offenders=after)
def metastable(tables: RunTables, outage: Outage) -> Measured:
    """1 when the service did not recover (see time_to_recover_s) although the fault was proven to be gone and the load offered
    after it is within 10 % of the baseline's, but for what chance does to so many requests; 0 when it did. Bronson et al.,
    "Metastable Failures in Distributed Systems", HotOS 2021.
    """
    gone = [fault.gone for fault in tables.faults if fault.planned.phase == outage.phase]
    if not all(gone):
        return unknown("the end of the fault is not proven, so that what lasts may be the fault itself")
    usual_s = sum(window.length_s for window in tables.windows if window.role == "baseline")
    after_s = (outage.until_ns - outage.t1_ns) / 1e9
    if usual_s <= 0 or after_s <= 0:
        return unknown(NO_BASELINE)
    usual, now = len(tables.baseline), len(tables.due_between(outage.t1_ns, outage.until_ns))
    if is_another(usual, usual_s, now, after_s):
        rates = f"{now / after_s:.1f} requests a second instead of {usual / usual_s:.1f}"
        return unknown(f"the load is another after the fault: {rates}")
    recovered = time_to_recover_s(tables, outage)
    if recovered.status == "unknown":
        return unknown(recovered.why, recovered.n)
    stuck = recovered.status == "censored"
    return known(float(stuck), recovered.n, why=recovered.why if stuck else "")


def is_another(usual: int, usual_s: float, now: int, now_s: float) -> bool:
    """Tell whether `now` arrivals in `now_s` seconds are another load than `usual` in `usual_s`: their rates are apart by more
    than 10 % and three standard errors of the ratio of two Poisson counts, √(1/usual + 1/now).
    """
    if not usual or not now:
        return True
    chance = 3 * math.sqrt(1 / usual + 1 / now)
    return abs((now / now_s) / (usual / usual_s) - 1) > UNCHANGED + chance
