"""Rates: what was offered, what was sent, and how much of it came back good."""

from __future__ import annotations

from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown

NO_LENGTH = "transitions have no length of their own"


def _rate(scope: Scope, count: int) -> Measured:
    length_s = scope.tables.length_s(scope.phase)
    if length_s is None:
        return unknown(NO_LENGTH)
    if length_s <= 0:
        return unknown("this phase did not take place")
    return known(count / length_s, count)


@metric(unit="1/s", better="neither", title="Offered rate", judged="exact")
def offered_rate_per_s(scope: Scope) -> Measured:
    """Requests due ÷ length of the window; the schedule's rate, whatever the target did."""
    if scope.tables.plan.load.locustfile is not None:
        return unknown("Locust's users have no schedule: they ask when they were answered")
    return _rate(scope, len(scope.rows))


@metric(unit="1/s", better="neither", title="Sent rate", judged="exact")
def sent_rate_per_s(scope: Scope) -> Measured:
    """Requests that went out ÷ length of the window; below the offered rate when the target held every slot."""
    return _rate(scope, int((scope.rows["outcome"] != "unsent").sum()))


@metric(unit="1/s", better="higher", title="Goodput", judged="exact")
def goodput_per_s(scope: Scope) -> Measured:
    """Good answers ÷ length of the window, counted by when their requests were due."""
    return _rate(scope, int(scope.rows["good"].sum()))
