"""The operating system's figures of processes become a table, also when the last line is torn."""

import os
import time
from pathlib import Path

import pyarrow.parquet as pq

from gatebench.execution.scrape import Scraper, assemble_series


def test_a_process_is_read_and_assembled(tmp_path: Path) -> None:
    """CPU, memory, descriptors and threads of this very process."""
    scraper = Scraper(tmp_path / "series.jsonl", lambda: {"me": os.getpid(), "gone": 2**22 - 3}, interval_s=0.05)
    scraper.start()
    deadline = time.monotonic() + 10
    while not (tmp_path / "series.jsonl").exists() or "threads" not in (tmp_path / "series.jsonl").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    scraper.stop()
    with (tmp_path / "series.jsonl").open("a") as file:
        file.write('[12, "me", "cp')
    assert assemble_series(tmp_path / "series.jsonl", tmp_path / "series.parquet") >= 4
    rows = pq.read_table(tmp_path / "series.parquet").to_pylist()
    mine = {row["metric"]: row["value"] for row in rows if row["process"] == "me"}
    assert mine["rss_bytes"] > 1e6
    assert mine["descriptors"] >= 3
    assert mine["threads"] >= 1
    assert {row["process"] for row in rows} == {"me"}


def test_a_run_without_series_has_an_empty_table(tmp_path: Path) -> None:
    """Nothing was read: the table is there and empty."""
    assert assemble_series(tmp_path / "none.jsonl", tmp_path / "series.parquet") == 0
    assert pq.read_table(tmp_path / "series.parquet").column_names == ["at_ns", "process", "metric", "value"]
