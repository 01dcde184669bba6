"""What retries are allowed and how they are spaced: exact budgets over every window, and the shape of the pauses."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.stats import Floats

Times = npt.NDArray[np.int64]

TOGETHER_NS: Final = 20_000_000


def budget_excess(asked_ns: Times, retried_ns: Times, ratio: float, reserve: float) -> float:
    """Return by how many retries the budget is exceeded in the worst window; 0 when it never is.

    Over any window of time a budget allows `reserve` + `ratio` × requests retries (Google's SRE book, "Handling Overload").
    Every request drains `ratio` from what retries have filled, never below 0: the highest level is the worst window's retries
    - `ratio` × requests (Lindley, Proc. Cambridge Phil. Soc. 48, 1952). A request counts before a retry of the same moment.
    """
    times = np.concatenate((asked_ns, retried_ns))
    steps = np.concatenate((np.full(len(asked_ns), -ratio), np.ones(len(retried_ns))))
    order = np.argsort(times, kind="stable")
    walked = np.concatenate(([0.0], np.cumsum(steps[order])))
    highest = float((walked - np.minimum.accumulate(walked)).max())
    return max(0.0, highest - reserve)


def spread(pauses: Floats) -> float:
    """Return the interquartile range of pauses ÷ their median: 1 for full jitter, 0 for a fixed pause.

    Uniform between 0 and b the quartiles are b/4 and 3b/4 and the median b/2; between b/2 and b ("equal jitter") it is 1/3.
    """
    low, middle, high = np.quantile(pauses, (0.25, 0.5, 0.75))
    return float((high - low) / middle) if middle > 0 else 0.0


def synchrony(first_ns: Times, retried_ns: Times, together_ns: int = TOGETHER_NS) -> float:
    """Return the share of retries in crowds: how much of the retries come together that did not fail together.

    For each retry the number of others within `together_ns`, on average, ÷ the same of the attempts that they repeat: 1 when
    retries are as spread as what failed, below 1 when jitter spreads them, above 1 when they gather. `first_ns` is when the
    repeated attempts failed.
    """
    return _crowd(retried_ns, together_ns) / max(_crowd(first_ns, together_ns), 1e-9)


def _crowd(times: Times, together_ns: int) -> float:
    ordered = np.sort(times)
    after = np.searchsorted(ordered, ordered + together_ns, side="right")
    before = np.searchsorted(ordered, ordered - together_ns, side="left")
    return float((after - before).mean())
