"""Groups of copies, by hand: executions, answers that differ, and keys that stay locked."""

from __future__ import annotations

import numpy as np

from gatebench.oracles.copies import after_first, differing, stuck, sums

GROUPS = np.array([3, 3, 3, 7, 7])


def test_sums_by_group() -> None:
    """Group 3 was executed 1 + 0 + 1 times, group 7 once."""
    names, counts = sums(GROUPS, np.array([1, 0, 1, 0, 1]))
    assert names.tolist() == [3, 7]
    assert counts.tolist() == [2, 1]


def test_different_answers_by_group() -> None:
    """Group 3 was answered by the attempts 5 and 6, group 7 by 5 alone."""
    names, counts = differing(GROUPS, np.array([5, 6, 5, 5, 5]))
    assert names.tolist() == [3, 7]
    assert counts.tolist() == [2, 1]


def test_rows_sent_after_the_first_mark() -> None:
    """The first marked row of group 3 was done at 20: what was sent at 21 came after it, at 20 not; group 7 has no mark."""
    done = np.array([30, 20, 40, 50, 60])
    sent = np.array([10, 20, 21, 99, 99])
    marks = np.array([True, True, False, False, False])
    assert after_first(GROUPS, done, sent, marks).tolist() == [False, False, True, False, False]


def test_a_key_that_stays_locked() -> None:
    """Both groups failed and were asked again; 3 got only refusals, 7 an answer."""
    failed = np.array([True, False, False, True, False])
    later = np.array([False, True, True, False, True])
    good = np.array([False, False, False, False, True])
    refused = np.array([False, True, True, False, False])
    asked_again, locked = stuck(GROUPS, failed, later, good, refused)
    assert asked_again.tolist() == [3, 7]
    assert locked.tolist() == [3]


def test_a_key_that_was_executed_again_was_not_locked() -> None:
    """Two copies of group 3 failed, so that the first had released it; the third came while the second was executed."""
    failed = np.array([True, True, False, True, False])
    later = np.array([False, False, True, False, True])
    refused = np.array([False, False, True, False, True])
    asked_again, locked = stuck(GROUPS, failed, later, np.zeros(5, bool), refused)
    assert asked_again.tolist() == [3, 7]
    assert locked.tolist() == [7]


def test_a_key_that_nobody_asked_again_says_nothing() -> None:
    """A failure without a later copy shows neither a lock nor a release."""
    nothing = np.zeros(5, bool)
    asked_again, locked = stuck(GROUPS, np.array([True, False, False, False, False]), nothing, nothing, nothing)
    assert asked_again.tolist() == []
    assert locked.tolist() == []
