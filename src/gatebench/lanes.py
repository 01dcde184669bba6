"""Deals arrivals to lanes: the same request through the gateway, past it, and past it once more, in a fair order. Pure.

The arrivals of a run with several lanes form blocks: `lanes` neighbours of the schedule, one for each lane, that all ask
for the same. Within a block every order of the lanes is as frequent as any other: each cycle of `lanes!` blocks goes
through all of them once (a crossover design balanced for order; Williams, Australian Journal of Scientific Research A 2,
1949), in a sequence drawn from the seed. So no lane is favoured by its place, and what disturbs the machine for longer
than a block disturbs all lanes alike.
"""

from __future__ import annotations

from itertools import permutations
from math import factorial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
_U64 = npt.NDArray[np.uint64]
_Id = TypeVar("_Id", int, Ids)

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def block_of(arrival_id: _Id, lanes: int) -> _Id:
    """Return the block of an arrival: what its request is drawn by, and what pairs are matched by."""
    return arrival_id // lanes


def lanes_of(arrival_ids: Ids, lanes: int, seed: int) -> Ids:
    """Return the lane of each arrival, a position in `sample.LANES` below `lanes`; a function of (seed, arrival id)."""
    if lanes == 1:
        return np.zeros(len(arrival_ids), dtype=np.int64)
    orders = np.array(list(permutations(range(lanes))), dtype=np.int64)
    block, member = np.divmod(arrival_ids, lanes)
    cycle, place = np.divmod(block, factorial(lanes))
    cycles, which = np.unique(cycle, return_inverse=True)
    sequence = _shuffled(cycles, len(orders), seed)
    return orders[sequence[which, place], member]


def lane_of(arrival_id: int, lanes: int, seed: int) -> int:
    """Return the lane of one arrival."""
    return int(lanes_of(np.array([arrival_id], dtype=np.int64), lanes, seed)[0])


def _shuffled(cycles: Ids, count: int, seed: int) -> Ids:
    """Return for each cycle the numbers below `count` in an order of its own: sorted by a hash of (seed, cycle, number)."""
    start = _mixed(np.array([seed], dtype=np.uint64))
    names = (cycles[:, None] * count + np.arange(count)).astype(np.uint64)
    return np.argsort(_mixed(names + start), axis=1, kind="stable")


def _mixed(words: _U64) -> _U64:
    """Return SplitMix64's output for each state (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = words + _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))
