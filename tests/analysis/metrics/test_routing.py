"""Who served whom: shares against weights, and tenants against themselves."""

from __future__ import annotations

import pytest

from gatebench.analysis.metrics import routing
from tests.analysis.conftest import Reading
from tests.analysis.handmade import Played, scope_of

TEN = {"routing": {"kind": "weighted", "weights": "provider-a=90,provider-b=10"}}


def served(by_a: int, by_b: int, **row: object) -> list[Played]:
    """Return so many answers of each."""
    return [
        *(Played(dict(row), ({"provider": "provider-a"},)) for _ in range(by_a)),
        *(Played(dict(row), ({"provider": "provider-b"},)) for _ in range(by_b)),
    ]


def test_a_split_as_configured(healthy: Reading) -> None:
    """5 400 and 600 at 90 to 10: no error, and nothing beyond chance."""
    scope = scope_of(healthy.tables, served(540, 60), declared=TEN)
    assert routing.split_error(scope).value == pytest.approx(0)
    assert routing.split_beyond_chance(scope).value == 0.0


def test_twelve_percent_instead_of_ten(healthy: Reading) -> None:
    """720 of 6 000 are two hundredths off, and beyond chance; 72 of 600 may be chance."""
    scope = scope_of(healthy.tables, served(5280, 720), declared=TEN)
    assert routing.split_error(scope).value == pytest.approx(0.02)
    assert (routing.split_beyond_chance(scope).value or 0) > 0
    assert routing.split_beyond_chance(scope).why == "provider-a got -2.00% of 6000 answers"
    assert len(routing.in_the_wrong_place(scope)) == 720
    few = scope_of(healthy.tables, served(528, 72), declared=TEN)
    assert routing.split_beyond_chance(few).value == 0.0
    interval = routing.split_error(few).judged
    assert interval is not None
    assert (interval.low, interval.high > 0.05) == (0.0, True)


def test_sticky_routing_splits_tenants(healthy: Reading) -> None:
    """150 tenants of one answer each and one of 1 000: what is drawn is the tenant."""
    declared = {"routing": {"kind": "sticky", "weights": "provider-a=50,provider-b=50"}}
    played = [*served(75, 75), *served(1000, 0, tenant="tenant-0")]
    found = routing.split_error(scope_of(healthy.tables, played, declared=declared))
    assert (found.value, found.n) == (0.0, 150)


@pytest.mark.parametrize(
    ("declared", "played", "words"),
    [
        ({}, served(100, 100), "declares no weights"),
        ({"routing": {"kind": "ordered", "weights": "provider-a=1"}}, served(100, 100), "declares no weights"),
        ({"routing": {"kind": "weighted", "weights": "a:b"}}, served(100, 100), "is no weight"),
        (TEN, served(89, 10), "at least 100 answers; here were 99"),
        (TEN, [Played(attempts=({"end": "dropped"}, {"provider": "provider-b"}))] * 200, "here were 0"),  # failed over
        (TEN, served(500, 500, label="fault"), "here were 0"),
    ],
)
def test_what_says_nothing_of_the_split(
    healthy: Reading, declared: dict[str, dict[str, object]], played: list[Played], words: str
) -> None:
    """Without weights, with too few answers, after failovers and under faults there is no number."""
    scope = scope_of(healthy.tables, played, declared=declared)
    for metric in (routing.split_error, routing.split_beyond_chance):
        assert metric(scope).status == "unknown"
        assert words in metric(scope).why


def test_a_tenant_stays_where_it_is(healthy: Reading) -> None:
    """Twenty tenants with two answers each: 0 when they agree, 1 when those of one differ, and that one is shown."""
    sticky = [
        Played({"tenant": f"tenant-{number % 20}"}, ({"provider": f"provider-{'ab'[number % 2]}"},))
        for number in range(40)
    ]
    assert routing.stickiness_violations(scope_of(healthy.tables, sticky)).value == 0.0
    sticky[39] = Played({"tenant": "tenant-19"}, ({"provider": "provider-a"},))
    scope = scope_of(healthy.tables, sticky)
    assert routing.stickiness_violations(scope).value == 1.0
    assert routing.moved(scope)["tenant"].tolist() == ["tenant-19"]


def test_too_few_tenants_are_unknown(healthy: Reading) -> None:
    """Tenants with one answer each cannot be seen on two variants."""
    found = routing.stickiness_violations(scope_of(healthy.tables, served(100, 100)))
    assert (found.status, found.why) == ("unknown", "it takes 20 tenants with two answers; here were 0")
