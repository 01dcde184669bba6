"""Finds moments: the start of the first stretch of rows in which something holds.

A window is a number of consecutive rows in order of due time, so that it means the same at any rate; its length in
seconds is stated with every moment found by it. The moment is the window's start: the due time of its first row. It
lies between the row before, for which it did not hold yet, and that one, which is its resolution.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.metrics.registry import Measured, censored, known, unknown
from gatebench.stats import Interval, rank

WINDOW_ROWS: Final = 500
SHARE_WINDOW_ROWS: Final = 200
HELD_WINDOWS: Final = 3

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def sliding_share(flags: Flags, rows: int) -> Floats:
    """Return the share of true flags in every window of `rows` rows; shape (n - rows + 1,), empty when n < rows."""
    running = np.concatenate(([0], np.cumsum(flags)))
    return (running[rows:] - running[:-rows]) / rows


def sliding_at_most(values: Floats, rows: int, share: float, limit: float) -> Flags:
    """Tell for every window of `rows` rows whether its nearest-rank percentile `share` is at most `limit`.

    It is exactly when at least ⌈share · rows⌉ of its rows are at most `limit`, so no window has to be sorted.
    """
    running = np.concatenate(([0], np.cumsum(values <= limit)))
    return np.asarray(running[rows:] - running[:-rows] >= rank(rows, share))


def first_held(holds: Flags, since_s: Floats, rows: int, held: int, what: str) -> Measured:
    """Return the start of the first window that holds and is followed by `held` - 1 adjoining windows that do.

    `holds[i]` tells of the window that starts at row i, which is due `since_s[i]` seconds after the edge. Censored at
    the last start from which `held` windows could have held; unknown when there are not even rows for one such start.
    """
    needed = rows * held
    n = len(since_s)
    if n < needed:
        return unknown(f"{what} is looked for in {held} windows of {rows} rows; only {n} rows follow", n)
    starts = n - needed + 1
    all_hold = np.ones(starts, dtype=bool)
    for window in range(held):
        all_hold &= holds[window * rows : window * rows + starts]
    length_s = float(since_s[rows - 1] - since_s[0])
    windows = "a window" if held == 1 else f"each of {held} adjoining windows"
    said = f"start of the first window; {windows} of {rows} rows ({length_s:.2f} s)"
    if not all_hold.any():
        return censored(float(since_s[starts - 1]), f"{what} was not reached: {said} never held it", n)
    first = int(np.argmax(all_hold))
    # When it holds from the first row on, the edge itself is the moment: no row says otherwise.
    value = float(since_s[first]) if first else 0.0
    low = float(since_s[first - 1]) if first else 0.0
    return known(value, n, shown=Interval(low, value), why=f"{said}; the interval is its resolution")
