"""Budgets, degraded answers, collateral damage, stale pools, and what a failover loses or pays twice."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.scenario import Objective
from gatebench.traffic import Route
from tests.analysis.crafted import Asked, Tried, craft, measured, shown
from tests.planned import LOAD_START_NS

ORDERED = {"routing": {"kind": "ordered", "weights": ""}}


def by(provider: str, due_s: float, **facts: Any) -> Asked:
    """A request that one provider answers at once."""
    return Asked(due_s, tried=[Tried(provider, due_s + 0.0005)], **facts)


def failed_over(due_s: float, *, again: bool = False) -> Asked:
    """A request that provider-a fails and provider-b answers; `again`: provider-a completes it all the same."""
    first = Tried("provider-a", due_s, 10, 200 if again else 503)
    return Asked(due_s, 60, tried=[first, Tried("provider-b", due_s + 0.012)])


def run(fault: Any = failed_over, rate: int = 50, **facts: Any) -> Any:
    """Return 30 s at an even rate; `fault` makes the requests that are due from 8 s to 18 s."""
    asked = [
        fault(number / rate) if 8 <= number / rate < 18 else by("provider-a", number / rate)
        for number in range(30 * rate)
    ]
    return craft(asked, **facts)


def some(bad: Any, every: int = 10) -> Any:
    """Return a maker of requests of which each tenth is bad and the others fail over."""

    def make(due_s: float) -> Asked:
        return bad(due_s) if round(due_s * 50) % every == 0 else failed_over(due_s)

    return make


def error(due_s: float) -> Asked:
    """A request that nobody answers."""
    return Asked(due_s, 3, 503)


def test_burn_rate_and_budget() -> None:
    """A tenth of 500 requests bad at an objective of 99 %: ten times as fast as allowed, 50 requests."""
    objective = {"objective": Objective(response_ms=250, availability=0.99)}
    tables = run(some(error), plan=objective)
    found = measured(tables, "burn_rate")
    assert found.value == pytest.approx(10, rel=0.05)
    assert found.judged is not None
    assert found.judged.low < 10 < found.judged.high
    assert measured(tables, "budget_burnt").value == 50
    assert len(shown(tables, "budget_burnt")) == 50
    healthy = run(plan=objective)
    assert (measured(healthy, "burn_rate").value, measured(healthy, "budget_burnt").value) == (0, 0)
    assert measured(run(rate=1, plan=objective), "burn_rate").status == "unknown"


def test_degraded_answers() -> None:
    """An answer without a stamp is canned; one with the stamp of an attempt that was made for somebody else is old."""

    def canned(due_s: float) -> Asked:
        return Asked(due_s, 2, 200)

    def old(due_s: float) -> Asked:
        return Asked(due_s, 2, 200, more={"provider": "provider-a", "attempt": 7})

    for worse in (canned, old):
        tables = run(some(worse))
        assert measured(tables, "degraded_share", "fault").value == pytest.approx(0.1, abs=0.002)
        assert measured(tables, "full_availability", "fault").value == pytest.approx(0.9, abs=0.002)
        assert measured(tables, "availability", "fault").value == 1
        assert measured(tables, "degraded_share", "baseline").value == 0
    assert len(shown(tables, "degraded_share", "fault")) == 50
    few = craft([by("provider-a", number / 10) for number in range(19)])
    assert measured(few, "degraded_share").status == "unknown"


ROUTES = (Route(name="chat"), Route(name="talk"))


@pytest.mark.parametrize(
    ("status", "took_ms", "loss", "inflation"), [(200, 41, 0, 1), (503, 41, 0.5, 1), (200, 410, 0.5, 10)]
)
def test_collateral(status: int, took_ms: float, loss: float, inflation: float) -> None:
    """A route that provider-b serves: untouched while provider-a is broken, or dragged along with every second request."""

    def other(due_s: float) -> Asked:
        dragged = 8 <= due_s < 18 and round(due_s * 50) % 2 == 0
        one = by("provider-b", due_s, route="talk")
        one.status, one.took_ms = (status, took_ms) if dragged else (200, 41)
        return one

    asked = [
        one
        for at in range(1500)
        for one in (failed_over(at / 50) if 400 <= at < 900 else by("provider-a", at / 50), other(at / 50))
    ]
    tables = craft(asked, routes=ROUTES)
    assert measured(tables, "collateral_loss").value == pytest.approx(loss, abs=0.01)
    assert measured(tables, "collateral_inflation_p99").value == pytest.approx(inflation, rel=0.01)
    assert len(shown(tables, "collateral_loss")) == pytest.approx(500 * loss, abs=12)


def test_no_bystanders() -> None:
    """Where the faulted provider serves everybody nobody is beside the fault."""
    assert "so none is beside the fault" in measured(run(), "collateral_loss").why


def test_stale_pools() -> None:
    """After the fault, connections from before it break: the client's, or the gateway's to the provider."""
    asked = [by("provider-a", at / 50) for at in range(900)]
    fresh = [by("provider-a", 18 + at / 50, more={"connection": 2}) for at in range(300)]
    old = [by("provider-a", 18 + at / 50) for at in range(300)]
    assert measured(craft([*asked, *old]), "stale_pool_errors").value == 0
    assert measured(craft([*asked, *fresh]), "stale_pool_errors").status == "unknown"
    tables = craft([*asked, *old[:297], *(Asked(29 + at / 50, 2, 0, "error") for at in range(3))])
    assert measured(tables, "stale_pool_errors").value == 3
    gone = Tried("provider-a", 29, 1, end="dropped", more={"connection": 0})
    behind = craft([*asked, *old, Asked(29, 3, 502, tried=[gone])])
    assert measured(behind, "stale_pool_errors").value == 1
    assert len(shown(behind, "stale_pool_errors")) == 1


def test_lost_after_the_failover() -> None:
    """What is lost while the failover comes about is not lost after it; one in forty is."""
    late = run(lambda due_s: error(due_s) if due_s < 9 else failed_over(due_s), 100)
    assert measured(late, "requests_lost").value == 100
    assert measured(late, "lost_after_failover").value == 0
    lossy = run(lambda due_s: error(due_s) if round(due_s * 100) % 40 == 0 else failed_over(due_s), 100)
    assert measured(lossy, "requests_lost").value == 25
    assert measured(lossy, "lost_after_failover").value == 20  # of 800 requests after the first window
    assert len(shown(lossy, "lost_after_failover")) == 20
    assert "no sustained failover" in measured(run(error, 100), "lost_after_failover").why


def test_wrong_provider() -> None:
    """In ordered routing nobody but the first answers while all is well."""
    right = run(declared=ORDERED)
    assert measured(right, "wrong_provider").value == 0
    asked = [by("provider-b" if at in (100, 200) else "provider-a", at / 50) for at in range(400)]
    wrong = craft(asked, declared=ORDERED)
    assert measured(wrong, "wrong_provider").value == 2
    assert shown(wrong, "wrong_provider") == [100, 200]
    weighted = {"routing": {"kind": "weighted", "weights": "provider-a=90,provider-b=10"}}
    assert measured(craft(asked, declared=weighted), "wrong_provider").value == 0
    assert "nobody declares" in measured(craft(asked), "wrong_provider").why
    assert measured(craft(asked[:19], declared=ORDERED), "wrong_provider").status == "unknown"


def test_tokens_paid_twice() -> None:
    """A provider that completes what another answers bills 24 tokens for nobody."""
    assert measured(run(), "tokens_billed_twice").value == 0
    twice = run(some(lambda due_s: failed_over(due_s, again=True)))
    assert measured(twice, "tokens_billed_twice").value == 50 * 24
    assert len(shown(twice, "tokens_billed_twice")) == 50
    assert measured(craft([by("provider-a", 9.0)]), "tokens_billed_twice").status == "unknown"


def test_failed_over() -> None:
    """Every request of the fault was answered by another provider than the one that failed it."""
    assert measured(run(), "failed_over_share", "fault").value == 1
    assert measured(run(), "failed_over_share", "baseline").value == 0


@pytest.mark.parametrize(("taken_over", "value"), [(True, 1.0), (False, 0.9)])
def test_streams_saved(*, taken_over: bool, value: float) -> None:
    """A stream that dies before its first token can be begun anew by somebody else; one in ten is not."""

    def stream(due_s: float) -> Asked:
        died = Tried("provider-a", due_s, 10, 200, "dropped", more={"stream": 1})
        if not taken_over and round(due_s * 50) % 10 == 0:
            return Asked(due_s, 12, 200, "error", tried=[died])
        return Asked(due_s, 60, tried=[died, Tried("provider-b", due_s + 0.012)])

    tables = run(stream)
    assert measured(tables, "streams_saved").value == pytest.approx(value)
    assert measured(run(), "streams_saved").status == "unknown"


def test_the_start_is_the_plans() -> None:
    """The tables written by hand count from the start of the load."""
    assert run().start_ns == LOAD_START_NS
