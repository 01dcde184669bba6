"""What the gateway adds: the same request through it and past it, less the provider's own time, pair by pair.

Every figure has a noise floor of its own, the same estimate for two equal paths past the gateway (lane null against lane
direct). What does not exceed it may be the harness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.blocks import TTFT, WHOLE
from gatebench.analysis.columns import numbers
from gatebench.analysis.metrics.latency import PERCENTILES, difference, interval
from gatebench.analysis.metrics.registry import Better, Measured, RowsMetric, Scope, known, register, unknown
from gatebench.lanes import block_of
from gatebench.sample import DIRECT, LANES, NULL, TARGET
from gatebench.stats import (
    BEYOND,
    JUDGED,
    SHOWN,
    Floats,
    Interval,
    block_mean_interval,
    paired_differences,
    percentile,
)

if TYPE_CHECKING:
    import pandas as pd

LEAST_PAIRS: Final = 50
TAILS: Final = ("p95", "p99")
_TAIL_SHARES: Final = tuple(PERCENTILES[name] for name in TAILS)


@dataclass(frozen=True)
class Pairs:
    """What two lanes took of the same requests, milliseconds, in order of time; `left_out` pairs lack one side."""

    first: Floats
    second: Floats
    left_out: int

    @property
    def differences(self) -> Floats:
        """First - second, pair by pair."""
        return self.first - self.second

    def too_few(self, least: int) -> Measured | None:
        """Return unknown when there are fewer than `least` pairs."""
        n = len(self.first)
        if n >= least:
            return None
        return unknown(f"it needs {least} pairs of which both were answered completely; here are {self.said}", n)

    @property
    def said(self) -> str:
        """How many pairs there are, and how many were left out."""
        return f"{len(self.first)} of {len(self.first) + self.left_out} pairs, {self.left_out} left out"


def pairs(scope: Scope, what: str, lane: int) -> Pairs:
    """Return the pairs of `lane` and the direct lane, one for each row of the scope; of streams alone for first tokens."""
    plan = scope.tables.plan
    rows = scope.rows
    if what == TTFT:
        rows = rows[rows["route"].isin([route.name for route in plan.traffic.routes if route.stream])]
    wanted = block_of(rows["arrival_id"].to_numpy(np.int64), len(plan.lanes))
    wanted = wanted[wanted < plan.load.scheduled // len(plan.lanes)]  # the schedule's end may cut the last block
    blocks = scope.tables.blocks.reindex(wanted)
    first, second = numbers(blocks[what, LANES[lane]]), numbers(blocks[what, LANES[DIRECT]])
    both = np.isfinite(first) & np.isfinite(second)
    return Pairs(first[both], second[both], int((~both).sum()))


def _median(found: Pairs) -> Measured:
    series = found.differences
    _, shown = interval(series, 0.5, SHOWN)
    _, judged = interval(series, 0.5, JUDGED)
    value = percentile(np.sort(series), 0.5)
    return known(value, len(series), shown=shown, judged=judged, confidence=SHOWN, why=found.said)


@lru_cache(maxsize=64)
def _mean_interval(data: bytes, confidence: float) -> Interval:
    return block_mean_interval(np.frombuffer(data), confidence)


def _mean(found: Pairs) -> Measured:
    series = found.differences
    shown, judged = (_mean_interval(series.tobytes(), confidence) for confidence in (SHOWN, JUDGED))
    return known(float(series.mean()), len(series), shown=shown, judged=judged, confidence=SHOWN, why=found.said)


@lru_cache(maxsize=64)
def _tail_intervals(first: bytes, second: bytes) -> list[Interval]:
    return paired_differences(np.frombuffer(first), np.frombuffer(second), _TAIL_SHARES, SHOWN)


def _tail(name: str, found: Pairs) -> Measured:
    share = PERCENTILES[name]
    value = percentile(np.sort(found.first), share) - percentile(np.sort(found.second), share)
    shown = _tail_intervals(found.first.tobytes(), found.second.tobytes())[TAILS.index(name)]
    # No number of resamples that anybody waits for reaches alpha = 0.001: checks use the exact intervals of both sides.
    judged = difference(found.first, found.second, share, JUDGED)
    return known(value, len(found.first), shown=shown, judged=judged, confidence=SHOWN, why=found.said)


@dataclass(frozen=True)
class Estimate:
    """One way to put the difference of two lanes into a number, and the fewest pairs that carry it."""

    title: str
    function: Callable[[Pairs], Measured]
    least: int
    definition: str


ESTIMATES: Final = {
    "median": Estimate("median", _median, LEAST_PAIRS, "Median of the differences, pair by pair"),
    "mean": Estimate("mean", _mean, LEAST_PAIRS, "Mean of the differences, pair by pair"),
    "p95": Estimate("p95", partial(_tail, "p95"), 20 * BEYOND, "Difference of the two p95"),
    "p99": Estimate("p99", partial(_tail, "p99"), 100 * BEYOND, "Difference of the two p99"),
}
TIMES: Final = {
    WHOLE: (
        "",
        "Overhead",
        "done - sent - the service time that the provider stamped into the answer",
        tuple(ESTIMATES),
    ),
    TTFT: (
        "ttft_",
        "Overhead on the first token",
        "first token - sent - the provider's own time to first token, of streams",
        ("median", "mean"),
    ),
}


def metric_name(what: str, estimate: str, *, floor: bool = False) -> str:
    """Return the metric's name: `overhead_median_ms`, `ttft_overhead_floor_mean_ms`."""
    return f"{TIMES[what][0]}overhead_{'floor_' if floor else ''}{estimate}_ms"


def _measure(what: str, estimate: str, lane: int, scope: Scope) -> Measured:
    lanes = scope.tables.plan.lanes
    if lane >= len(lanes):
        return unknown("this scenario has no null lane, so that the noise of the harness is not known")
    found = pairs(scope, what, lane)
    return found.too_few(ESTIMATES[estimate].least) or ESTIMATES[estimate].function(found)


def _costliest(what: str, lane: int, scope: Scope) -> pd.DataFrame:
    """Rows whose pair differs most, the worst first."""
    blocks = scope.tables.blocks
    wanted = block_of(scope.rows["arrival_id"].to_numpy(np.int64), len(scope.tables.plan.lanes))
    gap = (blocks[what, LANES[lane]] - blocks[what, LANES[DIRECT]]).reindex(wanted).to_numpy()
    order = np.argsort(-np.nan_to_num(gap, nan=-np.inf), kind="stable")
    return scope.rows.iloc[order[: int(np.isfinite(gap).sum())]]


def _register(what: str, estimate: str, *, floor: bool) -> None:
    _, title, times, _ = TIMES[what]
    chosen = ESTIMATES[estimate]
    sides = "between lanes null and direct, two equal paths past the gateway: the harness's own noise"
    if not floor:
        sides = "between lanes target and direct, the same request through the gateway and past it"
    better: Better = "neither" if floor else "lower"
    lane = NULL if floor else TARGET
    register(
        RowsMetric(
            name=metric_name(what, estimate, floor=floor),
            title=f"{title}, {'noise floor, ' if floor else ''}{chosen.title}",
            unit="ms",
            better=better,
            definition=f"{chosen.definition}, {sides}. Compared is {times}; pairs in which one side was not answered "
            f"completely are left out and counted. Needs {chosen.least} pairs.",
            offenders=partial(_costliest, what, lane),
            function=partial(_measure, what, estimate, lane),
            quiet=True,
            paired=True,
        )
    )


for _what, (_, _, _, _estimates) in TIMES.items():
    for _estimate in _estimates:
        _register(_what, _estimate, floor=False)
        _register(_what, _estimate, floor=True)
