"""How long the old variant goes on after flags have changed."""

from __future__ import annotations

import pytest

from gatebench.analysis.metrics.switching import flags_followed_s
from tests.analysis.conftest import Reading
from tests.analysis.handmade import Played, flags_set, scope_of

A_ALONE = {"routing": {"kind": "weighted", "weights": "provider-a=100"}}
TO_B = (flags_set(3, 6, weights="provider-b=100"),)


def every_50_ms(healthy: Reading, switched: float, back: float) -> list[Played]:
    """Answers all through nine seconds: by provider-b from `switched` until `back`, by provider-a otherwise."""
    return [
        Played(
            {"due_ns": healthy.tables.start_ns + number * 50_000_000},
            ({"provider": "provider-b" if switched <= number * 0.05 < back else "provider-a"},),
        )
        for number in range(180)
    ]


def test_followed_at_once(healthy: Reading) -> None:
    """Nobody is served by the old variant after the change."""
    found = flags_followed_s(scope_of(healthy.tables, every_50_ms(healthy, 3, 6), declared=A_ALONE, faults=TO_B))
    assert found.value == 0.0


def test_the_slower_of_both_ways_counts(healthy: Reading) -> None:
    """There it takes 0.2 s, back 0.5: the last request of provider-b was sent 0.45 s after the rollback."""
    found = flags_followed_s(scope_of(healthy.tables, every_50_ms(healthy, 3.2, 6.5), declared=A_ALONE, faults=TO_B))
    assert found.value == pytest.approx(0.45)
    assert found.shown is not None
    assert found.shown.high == pytest.approx(0.5)


def test_what_is_under_way_at_the_next_change_may_follow_that_one(healthy: Reading) -> None:
    """A request that was sent 10 ms before the flags were taken back, and answered after that, is no late one."""
    start_ns = healthy.tables.start_ns
    under_way = Played({"due_ns": start_ns + 5_990_000_000}, ({"provider": "provider-a"},))
    played = [*every_50_ms(healthy, 3, 6), under_way]
    assert flags_followed_s(scope_of(healthy.tables, played, declared=A_ALONE, faults=TO_B)).value == 0.0


def test_a_variant_that_never_gives_up(healthy: Reading) -> None:
    """It served to the end: all that is known is that it takes longer."""
    found = flags_followed_s(scope_of(healthy.tables, every_50_ms(healthy, 3, 99), declared=A_ALONE, faults=TO_B))
    assert found.status == "censored"


def test_what_cannot_be_told(healthy: Reading) -> None:
    """No change, none that takes all weight away, or nobody who asked afterwards."""
    played = every_50_ms(healthy, 3, 6)
    assert flags_followed_s(scope_of(healthy.tables, played)).why == "no flags were changed"
    half = (flags_set(3, None, weights="provider-a=50,provider-b=50"),)
    found = flags_followed_s(scope_of(healthy.tables, played, declared=A_ALONE, faults=half))
    assert found.why == "no change of flags left a variant without any weight"
    early = scope_of(healthy.tables, played[:70], declared=A_ALONE, faults=TO_B)
    assert flags_followed_s(early).status == "unknown"
    assert flags_followed_s(scope_of(healthy.tables, played, phase="baseline", faults=TO_B)).status == "unknown"
