"""Who served whom: shares against weights, and tenants against themselves."""

from __future__ import annotations

import pytest

from gatebench.analysis.metrics import routing
from tests.analysis.conftest import Reading
from tests.analysis.handmade import Played, flags_set, scope_of

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
    assert routing.split_beyond_chance(scope).why == "provider-a got -2.00% of 6000"
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
        ({"routing": {"kind": "weighted", "weights": "a:b"}}, served(100, 100), "says nothing of a name"),
        (TEN, served(89, 10), "here were 99"),
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


def at(seconds: float, provider: str, healthy: Reading, **row: object) -> Played:
    """An answer of a request that was due then."""
    due_ns = healthy.tables.start_ns + round(seconds * 1e9)
    return Played({"due_ns": due_ns} | row, ({"provider": provider},))


def test_flags_replace_the_weights_while_they_are_set(healthy: Reading) -> None:
    """From 10 s to 20 s half and half, which two seconds later is held against half and half; before it, against 90 to 10."""
    changed = (flags_set(10, 20, weights="provider-a=50,provider-b=50"),)
    even = [at(13 + number / 100, f"provider-{'ab'[number % 2]}", healthy) for number in range(200)]
    settling = [at(10 + number / 100, "provider-a", healthy) for number in range(150)]
    scope = scope_of(healthy.tables, [*settling, *even], declared=TEN, faults=changed)
    assert routing.split_error(scope).value == 0.0
    assert routing.split_error(scope).n == 200
    unmoved = scope_of(healthy.tables, even, declared=TEN)
    assert (routing.split_beyond_chance(unmoved).value or 0) > 0.2
    before = [at(1 + number / 100, "provider-a", healthy) for number in range(200)]
    both = scope_of(healthy.tables, [*before, *even], declared=TEN, faults=changed)
    assert routing.split_error(both).why == "the flags changed in the middle; ask for one phase"


def test_a_rollback_sends_everything_to_the_first_provider(healthy: Reading) -> None:
    """Whatever the weights are."""
    changed = (flags_set(10, 20, rollback=1),)
    good = [at(13 + number / 100, "provider-a", healthy) for number in range(200)]
    assert routing.split_error(scope_of(healthy.tables, good, declared=TEN, faults=changed)).value == 0.0
    astray = [*good, at(14, "provider-b", healthy)]
    assert (routing.split_beyond_chance(scope_of(healthy.tables, astray, declared=TEN, faults=changed)).value or 0) > 0


def test_flags_that_name_a_tenant(healthy: Reading) -> None:
    """tenant-7 belongs to provider-b: its twenty answers from there are right, one from provider-a is not; nobody else counts."""
    changed = (flags_set(10, 20, tenants="tenant-7=provider-b"),)
    right = [at(13 + number / 100, "provider-b", healthy, tenant="tenant-7") for number in range(20)]
    others = [at(13 + number / 100, "provider-a", healthy) for number in range(100)]
    scope = scope_of(healthy.tables, [*right, *others], faults=changed)
    assert (routing.flags_ignored(scope).value, routing.flags_ignored(scope).n) == (0.0, 20)
    wrong = [*right, at(14, "provider-a", healthy, tenant="tenant-7"), at(9, "provider-a", healthy, tenant="tenant-7")]
    scope = scope_of(healthy.tables, wrong, faults=changed)
    assert routing.flags_ignored(scope).value == 1.0
    assert routing.against_flags(scope).index.tolist() == [20]
    assert routing.flags_ignored(scope_of(healthy.tables, right)).why == (
        "it takes 20 answers to tenants whom flags name; here were 0"
    )


def test_a_tenant_may_move_when_flags_change(healthy: Reading) -> None:
    """Under the same flags it may not."""
    changed = (flags_set(10, 20, weights="provider-b=1"),)
    tenants = [f"tenant-{number}" for number in range(20)]
    moving = [
        at(second, provider, healthy, tenant=tenant)
        for tenant in tenants
        for second, provider in ((1, "provider-a"), (2, "provider-a"), (13, "provider-b"))
    ]
    assert routing.stickiness_violations(scope_of(healthy.tables, moving, faults=changed)).value == 0.0
    assert routing.stickiness_violations(scope_of(healthy.tables, moving)).value == 20.0
