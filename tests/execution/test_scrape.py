"""The operating system's figures of processes and the gateway's page become a table, whatever the page does."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil
import pyarrow.parquet as pq

from gatebench.execution.page import PageReader
from gatebench.execution.scrape import Scraper
from gatebench.plan import Endpoint
from gatebench.run.pages import Page, read_pages
from gatebench.run.series import MACHINE, PAGES_PART, PROCESSES_PART, assemble_series
from tests.targets.starting import until


def test_a_process_is_read_and_assembled(tmp_path: Path) -> None:
    """CPU, memory, descriptors and threads of this very process; a torn last line is left out."""
    scraper = Scraper(tmp_path, lambda: {"me": os.getpid(), "gone": 2**22 - 3}, interval_s=0.05)
    scraper.start()
    part = tmp_path / PROCESSES_PART
    deadline = time.monotonic() + 10
    while not part.exists() or "threads" not in part.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    scraper.stop()
    with part.open("a") as file:
        file.write('[12, "me", "cp')
    assert assemble_series(tmp_path, tmp_path / "series.parquet") == []
    rows = pq.read_table(tmp_path / "series.parquet").to_pylist()
    mine = {row["metric"]: row["value"] for row in rows if row["process"] == "me"}
    assert mine["rss_bytes"] > 1e6
    assert mine["descriptors"] >= 3
    assert mine["threads"] >= 1
    assert {row["process"] for row in rows} - {MACHINE} == {"me"}
    stolen = [row["value"] for row in rows if row["process"] == MACHINE]
    assert stolen == sorted(stolen) and (stolen or not hasattr(psutil.cpu_times(), "steal"))
    assert not (tmp_path / PAGES_PART).exists()


class Slow(PageReader):
    """A page that takes all the time that it is given."""

    def read(self, within_s: float) -> Page:
        """Give nothing, late."""
        time.sleep(within_s)
        return Page(time.monotonic_ns(), why="no answer")


def test_a_page_that_hangs_delays_no_process(tmp_path: Path) -> None:
    """Processes are read at their pace, and each page that was not there is counted."""
    scraper = Scraper(tmp_path, lambda: {"me": os.getpid()}, interval_s=0.2)
    scraper.start(Slow(Endpoint(), "/metrics"))
    part = tmp_path / PROCESSES_PART
    until(lambda: part.exists() and part.read_text().count('"cpu_s"') >= 10, within_s=20)
    scraper.stop()
    (heard,) = assemble_series(tmp_path, tmp_path / "series.parquet", "/metrics")
    pages = list(read_pages(tmp_path / PAGES_PART))
    assert heard.failures == {"no answer": len(pages)}
    readings = [row for row in pq.read_table(tmp_path / "series.parquet").to_pylist() if row["metric"] == "cpu_s"]
    assert len(readings) >= len(pages) > 0
    gaps_ns = [after["at_ns"] - before["at_ns"] for before, after in pairwise(readings)]
    assert median(gaps_ns) < 0.4e9, "two intervals"
