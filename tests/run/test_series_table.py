"""One table of processes, pages and a Prometheus, in which nobody is taken for another."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gatebench.run.pages import Page, PageFile
from gatebench.run.series import (
    PAGES_PART,
    PROCESSES_PART,
    PROMETHEUS_PART,
    assemble_series,
    is_process,
    prometheus_source,
    read_heard,
    read_series,
)


def parts(folder: Path, *, torn: bool = False) -> Path:
    """Every part of the table, with the same metric in each."""
    lines = [[5 + place, name, "cpu_s", 1.0] for place, name in enumerate(("gateway", "load-0"))]
    (folder / PROCESSES_PART).write_text(
        "".join(json.dumps(line) + "\n" for line in lines) + ('[12, "x' if torn else "")
    )
    with (folder / PAGES_PART).open("wb") as file:
        PageFile(file).add(Page(7, b'cpu_s 99\ncpu_s{process="gateway"} 98\n'))
    head = {
        "address": "127.0.0.1:9090",
        "asked": "{}",
        "unix_ns": 1_000_000_000,
        "monotonic_ns": 4_000,
        "why": "",
        "trouble": [],
    }
    answers = [head, [{"__name__": "cpu_s", "job": "g"}, [[1.5, "97"], [2.5, "NaN"]]]]
    (folder / PROMETHEUS_PART).write_text(
        "".join(json.dumps(line) + "\n" for line in answers) + ('[{"__na' if torn else "")
    )
    return folder


def test_sources_stand_apart(tmp_path: Path) -> None:
    """A gateway that calls its metrics as we call ours is read under a name that no process can have."""
    heard = assemble_series(parts(tmp_path, torn=True), tmp_path / "series.parquet", "/metrics")
    assert [(one.source, one.readings, one.series) for one in heard] == [
        ("/metrics", 1, 2),
        ("prometheus 127.0.0.1:9090", 1, 1),
    ]
    assert [one.source for one in read_heard(tmp_path / "series.parquet")] == ["/metrics", "prometheus 127.0.0.1:9090"]
    processes = read_series(tmp_path / "series.parquet", is_process).to_pylist()
    assert [(row["process"], row["value"]) for row in processes] == [("gateway", 1.0), ("load-0", 1.0)]
    page = read_series(tmp_path / "series.parquet", lambda name: name == "/metrics").to_pylist()
    assert {row["metric"]: row["value"] for row in page} == {"cpu_s": 99.0, 'cpu_s{process="gateway"}': 98.0}


def test_a_prometheus_is_on_the_clock_of_the_run(tmp_path: Path) -> None:
    """Its seconds of the calendar become nanoseconds of the monotonic clock, by where both stood at one moment."""
    assemble_series(parts(tmp_path), tmp_path / "series.parquet")
    (row,) = read_series(tmp_path / "series.parquet", lambda name: name.startswith("prometheus")).to_pylist()
    assert row == {
        "at_ns": 500_004_000,
        "process": "prometheus 127.0.0.1:9090",
        "metric": 'cpu_s{job="g"}',
        "value": 97.0,
    }


def test_an_empty_or_broken_answer_is_said(tmp_path: Path) -> None:
    """Nothing in the window, or no answer: there are no rows, and why stands in the table."""
    head = {"address": "h:1", "asked": '{job="x"}', "unix_ns": 0, "monotonic_ns": 0, "why": "", "trouble": ["t"]}
    for why, said in (("", 'it knows nothing of {job="x"} in the time of the run'), ("nobody answers there",) * 2):
        (tmp_path / PROMETHEUS_PART).write_text(json.dumps(head | {"why": why}) + "\n[[], {}]\nnull\n")
        (heard,) = assemble_series(tmp_path, tmp_path / "series.parquet")
        assert (heard.failures, heard.readings, heard.trouble) == ({said: 1}, 0, ("t",))
    (tmp_path / PROMETHEUS_PART).write_text("{")
    assert assemble_series(tmp_path, tmp_path / "series.parquet") == []


def test_a_table_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Processes alone, in one group of rows, and no word about sources."""
    columns = {"at_ns": [1, 2], "process": ["a", "b"], "metric": ["cpu_s"] * 2, "value": [1.0, 2.0]}
    pq.write_table(pa.table(columns), tmp_path / "series.parquet")
    assert read_series(tmp_path / "series.parquet", is_process).num_rows == 2
    assert read_series(tmp_path / "series.parquet", lambda name: name == "b").num_rows == 1
    assert read_heard(tmp_path / "series.parquet") == []


def test_nothing_was_read(tmp_path: Path) -> None:
    """The table is there and empty."""
    assert assemble_series(tmp_path, tmp_path / "series.parquet", "/metrics") == []
    assert pq.read_table(tmp_path / "series.parquet").column_names == ["at_ns", "process", "metric", "value"]
    assert read_series(tmp_path / "series.parquet", is_process).num_rows == 0


def test_names_of_sources_are_no_names_of_processes() -> None:
    """A process begins with a letter of the alphabet and holds no blank."""
    assert all(is_process(name) for name in ("gateway", "load-0", "provider-a.1", "prometheus"))
    assert not is_process("/metrics")
    assert not is_process(prometheus_source("127.0.0.1:9090"))
