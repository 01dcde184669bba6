"""Arrivals are dealt to lanes fairly: equal shares, every order equally often, nothing but seed and arrival decides."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.lanes import block_of, lane_of, lanes_of


@pytest.mark.parametrize("lanes", [2, 3])
def test_each_block_holds_each_lane_once(lanes: int) -> None:
    """A block is one request for every lane, so that pairs have both sides and every lane the same load."""
    dealt = lanes_of(np.arange(lanes * 500), lanes, 1).reshape(-1, lanes)
    assert (np.sort(dealt, axis=1) == np.arange(lanes)).all()


@pytest.mark.parametrize("lanes", [2, 3])
def test_no_lane_is_always_first(lanes: int) -> None:
    """Every cycle of lanes! blocks goes through every order of the lanes exactly once."""
    orders = lanes_of(np.arange(lanes * 600), lanes, 7).reshape(-1, lanes).tolist()
    cycle = len(list(permutations(range(lanes))))
    for start in range(0, 600, cycle):
        assert sorted(map(tuple, orders[start : start + cycle])) == sorted(permutations(range(lanes)))


def test_the_cycles_differ() -> None:
    """The sequence of the orders is drawn anew in each cycle: a fixed one could beat with something periodic."""
    orders = lanes_of(np.arange(3 * 6 * 200), 3, 7).reshape(200, 18)
    assert len({tuple(cycle) for cycle in orders.tolist()}) > 150
    first = Counter(tuple(cycle[:3]) for cycle in orders.tolist())
    assert len(first) == 6 and max(first.values()) < 60  # 33 expected, standard deviation 5


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 2), st.sampled_from([1, 2, 3]))
def test_a_lane_is_a_function_of_seed_and_arrival(seed: int, arrival: int, lanes: int) -> None:
    """Asked alone or among others, in any order, an arrival has the same lane."""
    others = np.array([arrival + 5, arrival, max(0, arrival - 3)])
    lane = lane_of(arrival, lanes, seed)
    assert lanes_of(others, lanes, seed)[1] == lane
    assert 0 <= lane < lanes


def test_another_seed_deals_otherwise() -> None:
    """Two seeds agree no more often than chance."""
    ids = np.arange(3000)
    assert 0.25 < float((lanes_of(ids, 3, 1) == lanes_of(ids, 3, 2)).mean()) < 0.42


def test_one_lane_is_the_target() -> None:
    """An ordinary run has no control: everything goes to lane 0, and a block is an arrival."""
    assert not lanes_of(np.arange(100), 1, 3).any()
    assert [block_of(arrival, 1) for arrival in range(5)] == [0, 1, 2, 3, 4]
    assert [block_of(arrival, 3) for arrival in range(7)] == [0, 0, 0, 1, 1, 1, 2]
