"""Processor time a request: what the target's own processes used, ÷ what was sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gatebench.analysis.metrics.processor import cpu_us_per_request
from gatebench.analysis.metrics.registry import Scope
from tests.analysis.conftest import Reading

SECONDS = 40


def scope(reading: Reading, use: Mapping[str, float], seconds: int = SECONDS, phase: str | None = None) -> Scope:
    """Return a scope in which processes were read once a second, each using so much of a processor."""
    series = pd.concat(
        pd.DataFrame(
            {
                "at_ns": [reading.tables.start_ns + second * 10**9 for second in range(seconds)],
                "process": process,
                "metric": "cpu_s",
                "value": np.arange(seconds) * share,
            }
        )
        for process, share in use.items()
    )
    tables = replace(reading.tables, series=series)
    return Scope(tables, tables.load, phase)


def test_it_is_time_by_requests(healthy: Reading) -> None:
    """A fifth of a processor, and so many requests as were sent between the first and the last reading of what is measured."""
    found = cpu_us_per_request(scope(healthy, {"gateway": 0.2}))
    windows = [window for window in healthy.tables.windows if window.role != "warmup"]
    sent_s = (healthy.tables.at_target["sent_ns"] - healthy.tables.start_ns) / 1e9
    first, last = np.ceil(windows[0].start_ns / 1e9), np.floor(windows[-1].end_ns / 1e9)
    requests = int(((sent_s >= first) & (sent_s <= last)).sum())
    assert found.n == requests
    assert found.value == pytest.approx(0.2 * (last - first) / requests * 1e6)
    assert found.value is not None and found.shown is not None
    assert found.shown.low < found.value < found.shown.high


def test_a_gateway_that_takes_twice_the_time_costs_twice(healthy: Reading) -> None:
    """What others use is not its own."""
    lean = cpu_us_per_request(scope(healthy, {"gateway": 0.2, "provider-a": 0.9}))
    fat = cpu_us_per_request(scope(healthy, {"gateway": 0.4, "provider-a": 0.1}))
    assert lean.value is not None and fat.value == pytest.approx(2 * lean.value)
    assert lean.shown is not None and fat.shown is not None and fat.shown.low > lean.shown.high


def test_what_cannot_be_told(healthy: Reading) -> None:
    """Too few readings, nobody who read, one route of several, the warm-up."""
    assert "here are" in cpu_us_per_request(scope(healthy, {"gateway": 0.2}, seconds=6)).why
    assert "here are 0" in cpu_us_per_request(scope(healthy, {"provider-a": 0.2})).why
    unread = replace(healthy.tables, series=None)
    assert cpu_us_per_request(Scope(unread, unread.load)).status == "unknown"
    assert cpu_us_per_request(Scope(healthy.tables, healthy.tables.load, None, "chat")).status == "unknown"
    assert "warm-up" in cpu_us_per_request(scope(healthy, {"gateway": 0.2}, phase="warmup")).why
