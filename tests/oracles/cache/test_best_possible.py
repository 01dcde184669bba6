"""The best possible: replays against tables worked by hand, and against every policy there is on tiny sequences."""

from __future__ import annotations

import random
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from gatebench.oracles.cache import FETCH, HIT, JOIN, STALE, Lifetime, ceiling, farthest, recent

F, J, H, S = FETCH, JOIN, HIT, STALE
A, B, C = 1, 2, 3


def saved(became: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> int:
    """Return how many requests were not fetched."""
    return int(np.count_nonzero(became != FETCH))


@pytest.mark.parametrize(
    ("keys", "times", "lifetime", "capacity", "became"),
    [
        # Fetched at 0; fresh while its age is below 10: at 9, not at 10. Fetched again at 10, fresh until 20.
        ([A, A, A, A], [0, 9, 10, 19], Lifetime(10), None, [F, H, F, H]),
        # The fetch takes 3: who comes at 2 joins it, at 3 it is there, and its age counts from there: 12 is 9 old, 13 is 10.
        ([A, A, A, A, A], [0, 2, 3, 12, 13], Lifetime(10, 3), None, [F, J, H, H, F]),
        # Two places: C drives out B, which was used longer ago than A.
        ([A, B, A, C, A, B], [0, 1, 2, 3, 4, 5], Lifetime(), 2, [F, F, H, F, H, F]),
        # Beyond its time by less than 5 it answers while it is fetched again; at 30 it is 18 old.
        ([A, A, A, A], [0, 12, 13, 30], Lifetime(10, 0, 5), None, [F, S, H, F]),
        # A cycle one longer than the cache: nothing is ever there when it is asked for.
        ([A, B, C, A, B, C], [0, 1, 2, 3, 4, 5], Lifetime(), 2, [F, F, F, F, F, F]),
        ([A, A], [0, 0], Lifetime(10), 0, [F, F]),
    ],
)
def test_recent_by_hand(
    keys: list[int], times: list[int], lifetime: Lifetime, capacity: int | None, became: list[int]
) -> None:
    """Each row's working stands beside it."""
    assert recent(keys, times, lifetime, capacity).tolist() == became


@pytest.mark.parametrize(
    ("keys", "times", "lifetime", "capacity", "became"),
    [
        # The cycle of three in two places: C, asked for last, is not kept; then A and B are each kept for their next use.
        ([A, B, C, A, B, C], [0, 1, 2, 3, 4, 5], Lifetime(), 2, [F, F, F, H, H, F]),
        # A's next use, at 20, comes after its time: it is no use, so B stays for 19.
        ([A, B, B, A], [0, 1, 9, 20], Lifetime(10), 1, [F, F, H, F]),
        # Joining needs no place: C's fetch is under way while A holds the only one.
        ([A, C, C, A], [0, 5, 6, 9], Lifetime(20, 2), 1, [F, F, J, H]),
    ],
)
def test_farthest_by_hand(
    keys: list[int], times: list[int], lifetime: Lifetime, capacity: int, became: list[int]
) -> None:
    """Each row's working stands beside it."""
    assert farthest(keys, times, lifetime, capacity).tolist() == became


def test_without_coalescing_everybody_fetches() -> None:
    """Three come within one fetch of 10: each fetches, and each end renews: 12, so that 21 is 9 old and 22 is too old."""
    became = recent([A] * 5, [0, 1, 2, 21, 22], Lifetime(10, 10), coalescing=False)
    assert became.tolist() == [F, F, F, H, F]
    assert recent([A] * 5, [0, 1, 2, 19, 20], Lifetime(10, 10)).tolist() == [F, J, J, H, F]


def best_of_all(keys: tuple[int, ...], times: tuple[int, ...], ttl: int | None, capacity: int) -> int:
    """Return the most requests that any policy answers: every subset of what could be kept is tried after each request."""

    @cache
    def after(place: int, held: frozenset[tuple[int, int]]) -> int:
        if place == len(keys):
            return 0
        key, now = keys[place], times[place]
        alive = {(other, made) for other, made in held if ttl is None or now - made < ttl}
        there = any(other == key for other, _ in alive)
        most = 0
        renewed = {entry for entry in alive if entry[0] != key} | {(key, now)}
        for pool, gain in ([(alive, 1)] if there else []) + [(renewed, 0)]:  # a policy may also throw away and fetch
            for size in range(min(capacity, len(pool)) + 1):
                for kept in combinations(sorted(pool), size):
                    most = max(most, gain + after(place + 1, frozenset(kept)))
        return most

    return after(0, frozenset())


@pytest.mark.parametrize("seed", range(60))
def test_no_policy_is_better(seed: int) -> None:
    """Against every policy: LRU ≤ MIN ≤ the best ≤ the ceiling; without a time to live, and without a capacity, all are one."""
    chance = random.Random(seed)
    keys = tuple(chance.choice([1, 2, 3, 4]) for _ in range(8))
    times = tuple(np.cumsum([chance.randint(1, 4) for _ in keys]).tolist())
    for ttl in (None, 5, 9):
        lifetime = Lifetime(ttl)
        for capacity in (1, 2):
            best = best_of_all(keys, times, ttl, capacity)
            assert (
                saved(recent(keys, times, lifetime, capacity))
                <= saved(farthest(keys, times, lifetime, capacity))
                <= best
            )
            assert best <= ceiling(keys, times, lifetime, capacity)
            if ttl is None:
                assert (
                    saved(farthest(keys, times, lifetime, capacity)) == best == ceiling(keys, times, lifetime, capacity)
                )
        assert (
            best_of_all(keys, times, ttl, 4) == saved(recent(keys, times, lifetime)) == ceiling(keys, times, lifetime)
        )


def test_the_bounds_hold_on_long_sequences() -> None:
    """2 000 requests by a Zipf law: no more than the ceiling, no less than LRU, and a large cache is one without a capacity."""
    chance = np.random.default_rng(5)
    keys = (chance.zipf(1.3, 2_000) % 300).tolist()
    times = np.cumsum(chance.integers(1, 20, 2_000)).tolist()
    lifetime = Lifetime(3_000, 40)
    free = saved(recent(keys, times, lifetime))
    for capacity in (5, 20, 80):
        lru, best = saved(recent(keys, times, lifetime, capacity)), saved(farthest(keys, times, lifetime, capacity))
        assert lru <= best <= ceiling(keys, times, lifetime, capacity) <= free
    assert saved(recent(keys, times, lifetime, 300)) == saved(farthest(keys, times, lifetime, 300)) == free
