"""Inversions of priority, by arithmetic."""

from __future__ import annotations

import numpy as np

from gatebench.oracles.priorities import inversions

MS = 1_000_000


def test_inversions() -> None:
    """Only who was turned away while somebody less important was let in, within 20 ms."""
    shed_ns, shed_rank = np.array([100, 200, 300, 400]) * MS, np.array([2, 2, 1, 0])
    admitted_ns, admitted_rank = np.array([110, 221, 290, 400]) * MS, np.array([1, 1, 2, 0])
    found = inversions(shed_ns, shed_rank, admitted_ns, admitted_rank)
    assert found.tolist() == [True, False, False, False]  # 21 ms away; a higher one let in; an equal one let in
