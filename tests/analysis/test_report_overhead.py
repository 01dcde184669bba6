"""Overhead on the page and in the terminal: each figure beside its floor, noise marked as noise, unknown as unknown."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gatebench.analysis.report import write_report
from gatebench.analysis.report.charts import overhead as chart
from gatebench.analysis.report.charts.chart import Chart, NoChart
from gatebench.analysis.report.overhead import amount
from gatebench.cli.overhead import overhead_tables
from gatebench.content import Content
from gatebench.run.summary import Summary
from tests.analysis.conftest import Read, Reading

LANES: dict[str, Any] = {
    "lanes": ("target", "direct", "null"), "rate_per_s": 150, "warmup_s": 1, "baseline_s": 12, "fault_s": 0,
    "recovery_s": 0,
}  # fmt: skip
MARKED = "Not distinguishable from the harness’s own noise."


def words(run: Reading, workspace: Path) -> str:
    """Return the text of a run's page."""
    text = re.sub(
        r"<(style|script)\b.*?</\1>", " ", write_report(run.folder, Content(workspace)).read_text(), flags=re.S
    )
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("\u202f", " ").split())


def printed(summary: Summary) -> str:
    """Return what a terminal 100 columns wide shows of a summary's overhead."""
    console = Console(file=io.StringIO(), width=100, color_system=None)
    for table in overhead_tables(summary):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("gateway_ms", "marked"), [(5.0, False), (0.0, True)])
def test_noise_is_marked_and_nothing_else(reading: Read, tmp_path: Path, gateway_ms: float, marked: bool) -> None:
    """Five milliseconds stand unmarked on page and terminal; a path against itself is marked on both."""
    run = reading(**LANES, gateway_ms=gateway_ms)
    page, terminal = words(run, tmp_path), printed(run.summary)
    assert "cannot be shown" not in page
    assert "What the gateway adds, and the noise floor beside it." in page
    assert (MARKED in page) == marked
    assert ("* not distinguishable from the harness's own noise" in terminal) == marked
    assert ("median*" in terminal) == marked
    value = run.summary.overhead[0].value
    assert value is not None and f"{value:.3f}" in terminal
    assert "µs a request" in terminal and "gateway" in terminal


def test_an_unknown_figure_says_why(reading: Read, tmp_path: Path) -> None:
    """Some 600 pairs carry no p99: unknown with the reason, in both places."""
    run = reading(**LANES, gateway_ms=5.0)
    assert "unknown: it needs 1000 pairs" in printed(run.summary)
    assert "it needs 1000 pairs" in words(run, tmp_path)


def test_an_ordinary_run_has_neither(healthy: Reading, tmp_path: Path) -> None:
    """No lanes, no section and no table; the processor time of its processes is there all the same."""
    page = words(healthy, tmp_path)
    assert "What the gateway adds" not in page and "Processor time of each process" in page
    assert printed(healthy.summary) == ""


def test_the_chart_holds_every_lane(reading: Read) -> None:
    """A curve for each lane, each rising; the median of the target's lies 5 ms to the right of the others."""
    made = chart.build(reading(**LANES, gateway_ms=5.0).tables)
    assert isinstance(made, Chart)
    columns: dict[str, Any] = dict(made.data[0].columns)
    curves: dict[str, list[float]] = {lane: [] for lane in columns["lane"]["words"]}
    for code, beyond_ms in zip(columns["lane"]["codes"], columns["beyond_ms"], strict=True):
        curves[columns["lane"]["words"][code]].append(beyond_ms)
    assert list(curves) == ["target", "direct", "null"]
    assert all(curve == sorted(curve) and len(curve) == chart.STEPS for curve in curves.values())
    assert curves["target"][50] - curves["direct"][50] == pytest.approx(5.0, abs=0.2)
    assert curves["null"][50] == pytest.approx(curves["direct"][50], abs=0.1)


def test_a_lane_without_answers_makes_no_chart(reading: Read) -> None:
    """Where the controls answered nothing, the place of the chart says so."""
    assert isinstance(chart.build(reading(**LANES, awful_controls=True).tables), NoChart)


def test_an_interval_around_zero_keeps_its_signs() -> None:
    """A dash between numbers that may be negative would read as a minus."""
    assert "−0.0100\u202fms to 0.0200\u202fms" in amount(0.005, -0.01, 0.02)
    assert "1.09–1.17\u202fms" in amount(1.13, 1.09, 1.17)
    assert amount(None, None, None) == "unknown"
