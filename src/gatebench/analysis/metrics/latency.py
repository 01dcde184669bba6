"""Distributions of time: exact percentiles with intervals from the block bootstrap, for all rows and for each kind of end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from gatebench.analysis.metrics.registry import Better, Measured, Metric, Scope, known, register, unknown
from gatebench.analysis.tables import numbers
from gatebench.stats import BEYOND, JUDGED, SHOWN, BlockBootstrap, Floats, Interval, beyond, percentile

PERCENTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
_TITLES: Final = {"p50": "p50", "p95": "p95", "p99": "p99", "p999": "p99.9"}
_LEAST_ROWS: Final = {"p50": 2, "p95": 20, "p99": 100}

Values = Callable[[pd.DataFrame], pd.Series]  # type: ignore[type-arg]  # pandas-stubs has no float Series to name here


@lru_cache(maxsize=512)
def _intervals(digest: bytes, data: bytes, share: float) -> tuple[int, Interval, Interval]:
    """Return block length, shown and judged interval; success rows are often all rows, so the same series comes again."""
    del digest  # the cache's key; the bytes themselves are equal then
    bootstrap = BlockBootstrap(np.frombuffer(data), share)
    return bootstrap.length, bootstrap.interval(SHOWN), bootstrap.interval(JUDGED)


def intervals(series: Floats, share: float) -> tuple[int, Interval, Interval]:
    """Return (block length, 95 % interval, interval for checks) of a percentile of a series in order of time."""
    data = np.ascontiguousarray(series).tobytes()
    return _intervals(hashlib.blake2b(data, digest_size=16).digest(), data, share)


def at_percentile(series: Floats, name: str, *, with_interval: bool) -> Measured:
    """Return the nearest-rank percentile of a series in order of time; unknown when too few rows carry it."""
    n, share = len(series), PERCENTILES[name]
    if name == "p999" and beyond(n, share) < BEYOND:
        return unknown(f"p99.9 needs {BEYOND} rows beyond it, that is 10 000 rows; here are {n}", n)
    if n < _LEAST_ROWS.get(name, 1):
        return unknown(f"{_TITLES[name]} needs at least {_LEAST_ROWS[name]} rows; here are {n}", n)
    value = percentile(np.sort(series), share)
    if not with_interval:
        return known(value, n)
    length, shown, judged = intervals(series, share)
    why = f"interval from moving blocks of {length} rows"
    return known(value, n, shown=shown, judged=judged, confidence=SHOWN, why=why)


def distribution(
    stem: str, title: str, *, better: Better = "lower", with_interval: bool = False, quiet: bool = False
) -> Callable[[Values], Values]:
    """Register `STEM_p50_ms`, `STEM_p95_ms`, `STEM_p99_ms` and `STEM_p999_ms` of the times that a function picks from rows.

    `quiet` ones are left out of phases in which no such row exists: a phase without errors has no error latency.
    """

    def decorate(values: Values) -> Values:
        definition = " ".join((values.__doc__ or "").split())
        for name in PERCENTILES:
            register(_percentile_metric(stem, title, name, values, definition, better, with_interval, quiet))
        return values

    return decorate


def _percentile_metric(
    stem: str, title: str, name: str, values: Values, definition: str, better: Better, with_interval: bool, quiet: bool
) -> Metric:
    def measure(scope: Scope) -> Measured:
        return at_percentile(numbers(values(scope.rows)), name, with_interval=with_interval)

    def slowest(scope: Scope) -> pd.DataFrame:
        return scope.rows.loc[values(scope.rows).sort_values(ascending=False, kind="stable").index]

    return Metric(
        name=f"{stem}_{name}_ms",
        title=f"{title} {_TITLES[name]}",
        unit="ms",
        better=better,
        judged="interval" if with_interval else "exact",
        shape="rows",
        definition=definition,
        rows=measure,
        offenders=slowest,
        quiet=quiet,
    )


@distribution("response", "Response time", with_interval=True)
def response_ms(rows: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """done - due: what a user waits. Timeouts count at their deadline, rows that were not sent because the target held every
    slot at the total deadline. Nearest rank over all rows; the interval comes from moving blocks.
    """
    return rows["response_ms"]


@distribution("service", "Service time", with_interval=True)
def service_ms(rows: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """done - sent of the rows that were sent: what the target took, without the time that a row waited for us."""
    return rows.loc[rows["service_ms"].notna(), "service_ms"]


@distribution("success", "Response time of good answers", quiet=True)
def success_ms(rows: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """done - due of the complete ok answers alone. It looks better the more fails: read it beside availability."""
    return rows.loc[rows["complete"], "response_ms"]


@distribution("rejection", "Response time of rejections", quiet=True)
def rejection_ms(rows: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """done - due of the answers with status 429 alone."""
    return rows.loc[rows["outcome"] == "rejected", "response_ms"]


@distribution("error", "Response time of errors", quiet=True)
def error_ms(rows: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """done - due of the rows that ended as an error or a timeout alone."""
    return rows.loc[~rows["outcome"].isin(("ok", "rejected")), "response_ms"]


@distribution("dispatch_delay", "Dispatch delay", better="lower")
def dispatch_ms(rows: pd.DataFrame) -> pd.Series:  # type: ignore[type-arg]
    """sent - due of the rows that were sent: our own error, part of the response time."""
    return rows.loc[rows["dispatch_ms"].notna(), "dispatch_ms"]
