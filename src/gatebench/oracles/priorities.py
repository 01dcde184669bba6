"""Finds inversions of priority: somebody more important was turned away while somebody less important was let in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.integer]

WITHIN_NS: Final = 20_000_000
RANKS: Final[Mapping[str, int]] = {"low": 0, "normal": 1, "high": 2}


def inversions(
    shed_ns: Times, shed_rank: Ranks, admitted_ns: Times, admitted_rank: Ranks, within_ns: int = WITHIN_NS
) -> npt.NDArray[np.bool_]:
    """Tell of each request that was shed whether one of a lower rank was admitted within `within_ns` before or after it.

    A gateway sees how full it is at one moment: places that were free a little later were free for the important one as well,
    but it cannot know. So the window is short against the time that a request keeps its place.
    """
    found = np.zeros(len(shed_ns), dtype=np.bool_)
    for rank in np.unique(shed_rank):
        lower = np.sort(admitted_ns[admitted_rank < rank])
        mine = shed_rank == rank
        at = shed_ns[mine]
        near = np.searchsorted(lower, at + within_ns, side="right") - np.searchsorted(lower, at - within_ns)
        found[mine] = near > 0
    return found
