"""Closed loads, and what is in flight: numbers that stand beside every latency of users who wait (`measurement.md` 3)."""

from __future__ import annotations

from gatebench.analysis.metrics.rates import NO_LENGTH
from gatebench.analysis.metrics.registry import Measured, Scope, censored, known, metric, unknown

_HALF_NS = 500_000_000


@metric(unit="requests", better="neither", title="In flight on average", judged="exact")
def in_flight_mean(scope: Scope) -> Measured:
    """Time that requests spent in flight ÷ length of the window (Little, Operations Research 9, 1961: L = λ W)."""
    length_s = scope.tables.length_s(scope.phase)
    if length_s is None:
        return unknown(NO_LENGTH)
    if length_s <= 0:
        return unknown("this phase did not take place")
    spent_ms = scope.rows["service_ms"]
    return known(float(spent_ms.sum()) / 1e3 / length_s, len(spent_ms))


@metric(unit="users", better="neither", title="Users by Little's law", judged="exact")
def littles_law_users(scope: Scope) -> Measured:
    """Throughput × (response time + think time) of a closed load: the number of users, if nothing got lost.

    X (R + Z) = N (the interactive response time law: Denning and Buzen, ACM Computing Surveys 10, 1978). Z is the think
    time that the seed drew, not the one that was observed, so that a lost row or a late generator shows.
    """
    from gatebench.analysis.closed import littles_law  # reads tables, which names alone do not need

    if scope.tables.plan.load.users is None:
        return unknown("the load is open: nobody waits for an answer to send the next request")
    if scope.phase is not None or scope.route is not None:
        return unknown("asked of the whole run only: a user's cycle crosses phases and routes")
    law = littles_law(scope.tables)
    if law is None:
        return unknown("too few answers after the warm-up")
    return known(law.users, law.cycles, why=law.sentence())


@metric(unit="1/s", better="higher", title="Breaking rate", judged="exact")
def breaking_rate_per_s(scope: Scope) -> Measured:
    """Offered rate when the requests were due that showed a breakpoint load that its target breaks; above the peak when none did.

    A timeout is known as late as it lasts, and the ramp goes on meanwhile: the rate at the stop would be too high.
    """
    load = scope.tables.plan.load.load
    if load.model != "open" or load.stop_when_bad is None:
        return unknown("the load is no breakpoint")
    if scope.phase is not None or scope.route is not None:
        return unknown("asked of the whole run only")
    for event in scope.tables.events:
        if event.get("event") == "load.broke":
            at_s = (int(event["at_ns"]) - scope.tables.start_ns) / 1e9
            finished = scope.rows[(scope.rows["done_s"] > at_s - 1) & (scope.rows["done_s"] <= at_s)]
            bad = finished[finished["outcome"] != "ok"]
            why = f"{float(event['bad_share']):.0%} of the requests that finished in the second before {at_s:.2f} s were bad"
            if bad.empty:
                return known(float(event["rate_per_s"]), 1, why=why)
            due_ns = round(float(bad["due_s"].median()) * 1e9)
            near = (scope.tables.due_ns > due_ns - _HALF_NS) & (scope.tables.due_ns <= due_ns + _HALF_NS)
            return known(float(near.sum()), len(bad), why=why)
    return censored(load.peak_per_s(), "it never broke")
