"""Ten million samples: the summary and the report of such a run fit into a machine, and the report into a browser."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from gatebench.run.folder import RunFolder
from tests.bench.many import make_many
from tests.e2e.browser import Browser, program

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

ROWS = 10_000_000
PEAK_MB = 2_000
REPORT_BYTES = 6_000_000
INTERACTIVE_S = 2.0
# A naive pass over the same table for percentiles alone takes 4 s on the machine on which all of this may take 15 s.
AT_MOST_NAIVE = 15 / 4

_CLICKED = """new Promise((done) => {
  const drawn = () => document.querySelectorAll("figure svg").length > 0 && document.readyState === "complete";
  const look = () => {
    if (!drawn()) return setTimeout(look, 5);
    const first = document.querySelector("details:not([hidden]) > summary");
    const before = first.parentElement.open;
    first.click();
    requestAnimationFrame(() => done(first.parentElement.open !== before ? performance.now() / 1000 : -1));
  };
  look();
})"""


def measured(folder: RunFolder, what: str) -> dict[str, Any]:
    """Do one thing with a run in a process of its own, and return what it cost."""
    command = [sys.executable, "-m", "tests.bench.reading", str(folder.path), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1500)
    cost: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    sys.stdout.write(f"{what}: {cost['wall_s']} s, {cost['cpu_s']} s of processor time, {cost['peak_mb']} MB at most\n")
    return cost


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Make the run, and its tables as the end of a run makes them."""
    folder = make_many(tmp_path_factory.mktemp("many"), ROWS)
    measured(folder, "assemble")
    return folder


@pytest.fixture(scope="module")
def cost(assembled: RunFolder) -> dict[str, Any]:
    """Make summary and report, and return what they cost."""
    return measured(assembled, "read")


def test_ten_million_samples_are_read_within_two_gigabytes(assembled: RunFolder, cost: dict[str, Any]) -> None:
    """The run is valid, its books balance, and the report is of a size to be sent around."""
    summary = json.loads((assembled.path / "summary.json").read_text())
    assert summary["verdict"] != "invalid", summary["reasons"]
    assert summary["ledger"]["balances"]
    assert summary["ledger"]["scheduled"] == pytest.approx(ROWS, rel=0.01)
    assert assembled.report.stat().st_size <= REPORT_BYTES
    assert cost["peak_mb"] <= PEAK_MB


def test_ten_million_samples_are_read_in_time(assembled: RunFolder, cost: dict[str, Any]) -> None:
    """Summary and report in at most 15/4 of what naive percentiles alone take, on the clock."""
    naive_s, read_s = [], [cost["wall_s"]]
    for _ in range(3):  # in turn, for a shared machine has its hours; of each the median
        naive_s.append(measured(assembled, "naive")["wall_s"])
        read_s.append(measured(assembled, "read")["wall_s"])
    sys.stdout.write(f"summary and report take {median(read_s) / median(naive_s):.2f} times naive percentiles\n")
    assert median(read_s) <= AT_MOST_NAIVE * median(naive_s)


@pytest.mark.skipif(program() is None, reason="there is no Chromium")
@pytest.mark.usefixtures("cost")
def test_the_report_can_be_used_within_two_seconds(assembled: RunFolder, tmp_path: Path) -> None:
    """From the beginning of the navigation until charts stand and a click was answered."""
    with Browser(tmp_path) as browser:
        browser.open(assembled.report)  # the browser itself is warm, the page is not
        began = time.perf_counter()
        browser.call("Page.navigate", url=assembled.report.resolve().as_uri() + "?again")
        took_s = float(browser.evaluate(_CLICKED))
        sys.stdout.write(
            f"interactive after {took_s:.2f} s by its own clock, {time.perf_counter() - began:.2f} s by ours\n"
        )
        assert 0 < took_s <= INTERACTIVE_S
