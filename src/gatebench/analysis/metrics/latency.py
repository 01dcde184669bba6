"""Distributions of time: exact percentiles with block-bootstrap intervals, over all rows and by how they ended."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import numpy as np

from gatebench.analysis.columns import is_any, numbers, values_of
from gatebench.analysis.metrics.registry import (
    Better,
    Measured,
    RowsMetric,
    Scope,
    definition,
    known,
    register,
    unknown,
)
from gatebench.stats import BEYOND, JUDGED, SHOWN, BlockBootstrap, Floats, Interval, beyond, percentile

if TYPE_CHECKING:
    import pandas as pd

PERCENTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
_TITLES: Final = {"p50": "p50", "p95": "p95", "p99": "p99", "p999": "p99.9"}
BOTH_SIDES: Final = "the interval gives each side half of the error, so it holds however the two depend on each other"
_LEAST_ROWS: Final = {"p50": 2, "p95": 20, "p99": 100}

Values: TypeAlias = "Callable[[pd.DataFrame], pd.Series[float]]"


class Ordered:
    """A series in order of time, sorted once for whatever is asked of it while it is awake."""

    def __init__(self) -> None:
        self._series: Floats | None = None
        self._sorted: Floats | None = None
        self._found: dict[tuple[float, float], tuple[int, Interval]] = {}
        self._values: dict[float, float] = {}
        self._bootstraps: dict[float, BlockBootstrap] = {}

    def awake(self, series: Floats) -> Ordered:
        """Return it with its series at hand."""
        self._series = series
        return self

    def percentile(self, share: float) -> float:
        """Return the nearest-rank percentile."""
        if share not in self._values:
            self._values[share] = percentile(self._ascending(), share)
        return self._values[share]

    def interval(self, share: float, confidence: float) -> tuple[int, Interval]:
        """Return the block length and the interval of a percentile."""
        key = (share, confidence)
        if key not in self._found:
            if share not in self._bootstraps:
                self._bootstraps[share] = BlockBootstrap(self._at_hand(), share, ordered=self._ascending())
            bootstrap = self._bootstraps[share]
            self._found[key] = (bootstrap.length, bootstrap.interval(confidence))
        return self._found[key]

    def rest(self) -> None:
        """Keep what was found, and let go of what it was found with."""
        self._series = self._sorted = None
        self._bootstraps.clear()

    def _at_hand(self) -> Floats:
        assert self._series is not None  # noqa: S101 - whoever asks has woken it
        return self._series

    def _ascending(self) -> Floats:
        if self._sorted is None:
            self._sorted = np.sort(self._at_hand())
        return self._sorted


_AWAKE: Final = 2
_MOST: Final = 64
_AWAKE_ROWS: Final = 1 << 20
_SOME: Final = 1 << 18
_recent: OrderedDict[bytes, Ordered] = OrderedDict()


def ordered(series: Floats) -> Ordered:
    """Return a series ready to be asked. Series come again: the same column of the same rows, or, where everything succeeds, the
    good answers, which are all answers. So what was found of the last ones is kept, by their content.
    """
    series = np.ascontiguousarray(series)
    content = _content(series)
    found = _recent.pop(content, None) or Ordered()
    _recent[content] = found.awake(series)
    while len(_recent) > _MOST:
        _recent.popitem(last=False)
    for sleeper in list(_recent.values())[: -1 if len(series) > _AWAKE_ROWS else -_AWAKE]:
        sleeper.rest()
    return found


def _content(series: Floats) -> bytes:
    """Return a digest of a series: of each of its values, or, where there are very many, of many of them and the sum of all."""
    if len(series) <= _AWAKE_ROWS:
        return blake2b(series.data).digest()
    some = np.concatenate((series[:: len(series) // _SOME], [len(series), series.sum()]))
    return blake2b(some.data).digest()


def interval(series: Floats, share: float, confidence: float) -> tuple[int, Interval]:
    """Return the block length and the interval of a percentile of a series in order of time."""
    return ordered(series).interval(share, confidence)


def difference(series: Floats, usual: Floats, share: float, confidence: float) -> Interval:
    """Return an interval of percentile(series) - percentile(usual); each side gets half of the error (Bonferroni)."""
    now, before = (interval(side, share, (1 + confidence) / 2)[1] for side in (series, usual))
    return Interval(now.low - before.high, now.high - before.low)


def ratio(series: Floats, usual: Floats, share: float, confidence: float) -> Interval:
    """Return an interval of percentile(series) ÷ percentile(usual), both positive; each side gets half of the error."""
    now, before = (interval(side, share, (1 + confidence) / 2)[1] for side in (series, usual))
    return Interval(max(0.0, now.low) / before.high, now.high / before.low if before.low > 0 else math.inf)


def at_percentile(series: Floats, name: str) -> Measured:
    """Return the nearest-rank percentile of a series in order of time; unknown when too few rows carry it."""
    n, share = len(series), PERCENTILES[name]
    if name == "p999" and beyond(n, share) < BEYOND:
        return unknown(f"p99.9 needs {BEYOND} rows beyond it, that is 10 000 rows; here are {n}", n)
    if n < _LEAST_ROWS.get(name, 1):
        return unknown(f"{_TITLES[name]} needs at least {_LEAST_ROWS[name]} rows; here are {n}", n)
    known_of = ordered(series)
    value = known_of.percentile(share)
    length, shown = known_of.interval(share, SHOWN)
    _, judged = known_of.interval(share, JUDGED)
    why = f"interval from moving blocks of {length} rows"
    return known(value, n, shown=shown, judged=judged, confidence=SHOWN, why=why)


def distribution(stem: str, title: str, *, better: Better = "lower", quiet: bool = False) -> Callable[[Values], Values]:
    """Register `STEM_p50_ms`, `STEM_p95_ms`, `STEM_p99_ms` and `STEM_p999_ms` of the times that a function picks from
    rows.

    `quiet` ones are left out of phases in which no such row exists: a phase without errors has no error latency.
    """

    def decorate(values: Values) -> Values:
        for name in PERCENTILES:
            register(
                RowsMetric(
                    name=f"{stem}_{name}_ms",
                    title=f"{title} {_TITLES[name]}",
                    unit="ms",
                    better=better,
                    definition=definition(values),
                    offenders=partial(_slowest, values),
                    function=partial(_measure, values, name),
                    quiet=quiet,
                )
            )
        return values

    return decorate


def _measure(values: Values, name: str, scope: Scope) -> Measured:
    return at_percentile(scope.kept(values, lambda: numbers(values(scope.rows))), name)


def _slowest(values: Values, scope: Scope) -> pd.DataFrame:
    return scope.rows.loc[values(scope.rows).sort_values(ascending=False, kind="stable").index]


def _there(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    found: pd.Series[float] = rows.loc[~np.isnan(values_of(rows, name)), name]
    return found


@distribution("response", "Response time")
def response_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """done - due: what a user waits. Timeouts count at their deadline, rows that were not sent because the target held
    every slot at the total deadline. Nearest rank over all rows; the interval comes from moving blocks.
    """
    return cast("pd.Series[float]", rows["response_ms"])


@distribution("service", "Service time")
def service_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """done - sent of the rows that were sent: what the target took, without the time that a row waited for us."""
    return _there(rows, "service_ms")


@distribution("success", "Response time of good answers", quiet=True)
def success_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """done - due of the complete ok answers alone. It looks better the more fails: read it beside availability."""
    return cast("pd.Series[float]", rows.loc[rows["complete"], "response_ms"])


@distribution("rejection", "Response time of rejections", quiet=True)
def rejection_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """done - due of the answers with status 429 alone."""
    return rows.loc[is_any(values_of(rows, "outcome"), ("rejected",)), "response_ms"]


@distribution("error", "Response time of errors", quiet=True)
def error_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """done - due of the rows that ended as an error or a timeout alone."""
    return rows.loc[~is_any(values_of(rows, "outcome"), ("ok", "rejected")), "response_ms"]


@distribution("dispatch_delay", "Dispatch delay")
def dispatch_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """sent - due of the rows that were sent: our own error, part of the response time."""
    return _there(rows, "dispatch_ms")
