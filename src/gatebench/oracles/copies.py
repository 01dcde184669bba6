"""Groups of copies of one request: how often each was executed, and whether its answers are one answer."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

NO_GROUP: Final = -1
"""The group of a request that is no copy."""

Groups = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def sums(groups: Groups, counts: npt.NDArray[Any]) -> tuple[Groups, npt.NDArray[np.int64]]:
    """Return the groups that there are, ascending, and the sum of `counts` over each."""
    names, place = np.unique(groups, return_inverse=True)
    return names, np.bincount(place, weights=counts, minlength=len(names)).astype(np.int64)


def differing(groups: Groups, values: npt.NDArray[Any]) -> tuple[Groups, npt.NDArray[np.int64]]:
    """Return the groups that there are, ascending, and how many different values each holds."""
    pairs = np.unique(np.rec.fromarrays([groups, values]))
    names, counts = np.unique(pairs["f0"], return_counts=True)
    return names, counts.astype(np.int64)


def after_first(groups: Groups, at_ns: npt.NDArray[np.int64], sent_ns: npt.NDArray[np.int64], marks: Flags) -> Flags:
    """Tell which rows were sent after the earliest `at_ns` of a marked row of their group; never where none is marked."""
    _, place = np.unique(groups, return_inverse=True)
    earliest = np.full(len(groups), np.iinfo(np.int64).max)
    np.minimum.at(earliest, place[marks], at_ns[marks])
    return np.asarray(sent_ns > earliest[place])


def stuck(groups: Groups, failed: Flags, later: Flags, good: Flags, refused: Flags) -> tuple[Groups, Groups]:
    """Return the groups with a failed execution and copies sent `later`, and those of them that stayed locked.

    A group stayed locked when every later copy was refused as still in progress, no copy was ever answered well, and none but one
    failed: a second failure is a second execution, so that the first had released the group, and who came meanwhile was
    refused rightly.
    """
    names, failures = sums(groups, failed)
    _, after = sums(groups, later)
    _, refusals = sums(groups, later & refused)
    _, answers = sums(groups, good)
    asked_again = (failures > 0) & (after > 0)
    return names[asked_again], names[asked_again & (refusals == after) & (answers == 0) & (failures == 1)]
