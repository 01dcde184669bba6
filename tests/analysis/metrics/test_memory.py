"""Memory of the target: growth from the lowest reading to the highest that follows."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from gatebench.analysis.metrics.memory import memory_growth_mb
from gatebench.analysis.metrics.registry import Scope
from tests.analysis.conftest import Reading


def scope(healthy: Reading, *megabytes: float, process: str = "gateway", phase: str | None = None) -> Scope:
    """Return a scope in which a process was read once a second from the beginning of the load."""
    series = pd.DataFrame(
        {
            "at_ns": [healthy.tables.start_ns + second * 10**9 for second in range(len(megabytes))],
            "process": process,
            "metric": "rss_bytes",
            "value": [value * 1e6 for value in megabytes],
        }
    )
    tables = replace(healthy.tables, series=series)
    return Scope(tables, tables.load, phase)


def test_memory_that_stays(healthy: Reading) -> None:
    """What falls and what stays does not grow."""
    assert memory_growth_mb(scope(healthy, 60, 60, 58, 57, 57)).value == 0.0


def test_memory_that_grows(healthy: Reading) -> None:
    """From 57 to 157; what is let go afterwards does not undo it."""
    found = memory_growth_mb(scope(healthy, 60, 57, 90, 157, 60, 50))
    assert found.value == pytest.approx(100)
    assert found.n == 6


def test_what_cannot_be_told(healthy: Reading) -> None:
    """Too few readings, somebody else's process, one route of several, or nobody who read."""
    assert "here were 4" in memory_growth_mb(scope(healthy, 1, 2, 3, 4)).why
    assert "here were 0" in memory_growth_mb(scope(healthy, 1, 2, 3, 4, 5, process="provider-a")).why
    unread = replace(healthy.tables, series=None)
    assert memory_growth_mb(Scope(unread, unread.load)).status == "unknown"
    assert memory_growth_mb(Scope(healthy.tables, healthy.tables.load, None, "chat")).status == "unknown"
