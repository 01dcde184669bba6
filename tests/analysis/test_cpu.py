"""Processor time a request: what a process used ÷ what passed through it, both over the same seconds."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.run.summary import ProcessCost
from tests.analysis.conftest import Read, Reading

LANES: dict[str, Any] = {
    "lanes": ("target", "direct", "null"), "rate_per_s": 150, "warmup_s": 2, "baseline_s": 20, "fault_s": 0,
    "recovery_s": 0,
}  # fmt: skip


def cost(run: Reading, process: str) -> ProcessCost:
    """The cost of one process; the factory's "gateway" uses 0.42 of a core, "provider-a" 0.2, "load-0" 0.35."""
    return next(cost for cost in run.summary.cpu if cost.process == process)


def test_each_process_is_divided_by_what_passed_through_it(reading: Read) -> None:
    """50/s reach the gateway and 150/s its provider and the load worker, so the same core seconds mean other things."""
    run = reading(**LANES)
    expected = {"gateway": (0.42, 50), "provider-a": (0.2, 150), "load-0": (0.35, 150)}
    for process, (cores, rate_per_s) in expected.items():
        found = cost(run, process)
        assert found.value == pytest.approx(cores / rate_per_s * 1e6, rel=0.1)
        assert found.low is not None and found.high is not None
        assert found.low < cores / rate_per_s * 1e6 < found.high
    assert [cost.role for cost in run.summary.cpu] == ["target", "provider", "provider", "load"]


def test_the_warm_up_does_not_count(reading: Read) -> None:
    """Only what was used and sent between the first and the last reading of the measured phases is there."""
    found = cost(reading(**LANES), "load-0")
    assert found.requests == pytest.approx(150 * 19, rel=0.1)
    assert found.cpu_s == pytest.approx(0.35 * 19, rel=0.1)


def test_a_process_that_nothing_passed_has_no_cost(reading: Read) -> None:
    """Without a fault nobody asks the second provider: unknown, not infinite and not 0."""
    found = cost(reading(**LANES), "provider-b")
    assert (found.status, found.value, found.requests) == ("unknown", None, 0)
    assert "nothing that is counted passed" in found.why


def test_few_readings_make_no_interval(reading: Read) -> None:
    """Five seconds give a number and say why it has no interval."""
    found = cost(reading(**{**LANES, "baseline_s": 5}), "gateway")
    assert found.value is not None and found.low is None
    assert "an interval needs 10 readings" in found.why


def test_nothing_read_is_nothing_said(reading: Read) -> None:
    """A run whose processes nobody read has no such table."""
    assert reading(series=False).summary.cpu == []
