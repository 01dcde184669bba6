"""Shedding: plateau, speed of refusals, and whose requests are refused."""

from __future__ import annotations

import pytest

from gatebench.analysis.tables import RunTables
from gatebench.traffic import Route
from tests.analysis.crafted import Asked, Tried, craft, measured, shown

ROUTES = (
    Route(name="low", headers={"x-priority": "low"}),
    Route(name="high", headers={"x-priority": "high"}),
)


def run(*, refuse: str, taken: float = 1.0) -> RunTables:
    """Return 8 s of 50 requests a second, then 10 s of 100; half are refused in 3 ms, those of one route, or every second one."""

    def ask(number: int, due_s: float) -> Asked:
        route = ("low", "high")[number // 2 % 2]
        shed = due_s >= 8 and (route == refuse or (refuse == "any" and number % 2 == 0))
        if shed or (due_s >= 8 and number % 100 >= 100 * taken):
            return Asked(due_s, 3, 503, route=route)
        return Asked(due_s, tried=[Tried("provider-a", due_s + 0.0005)], route=route)

    times = [*(at / 50 for at in range(400)), *(8 + at / 100 for at in range(1000))]
    return craft([ask(number, due_s) for number, due_s in enumerate(times)], routes=ROUTES)


def test_plateau() -> None:
    """Twice the load, and as many good answers as before; or a fifth of them."""
    assert measured(run(refuse="low"), "plateau", "fault").value == pytest.approx(1, abs=0.02)
    assert measured(run(refuse="low", taken=0.2), "plateau", "fault").value == pytest.approx(0.2, abs=0.05)
    assert measured(run(refuse="low"), "plateau").status == "unknown"


def test_refusals_are_fast() -> None:
    """Half of the requests are shed, each within 3 ms."""
    tables = run(refuse="low")
    assert measured(tables, "shed_p99_ms", "fault").value == pytest.approx(3)
    assert measured(tables, "shed_share", "fault").value == pytest.approx(0.5, abs=0.02)
    assert measured(tables, "shed_share", "baseline").value == 0


def test_inversions() -> None:
    """Who refuses the low ones first has none; who refuses the high ones first, or anybody, has them."""
    assert measured(run(refuse="low"), "priority_inversions").value == 0
    wrong = run(refuse="high")
    assert (measured(wrong, "priority_inversions").value or 0) > 0.5
    assert shown(wrong, "priority_inversions")
    assert (measured(run(refuse="any"), "priority_inversions").value or 0) > 0.2
    assert "20 shed requests" in measured(run(refuse="nobody"), "priority_inversions").why
