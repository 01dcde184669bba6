"""Rows of a worker with a clock of its own: on the run's clock after assembling, or the run is not believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from gatebench.alignment import ONE_CLOCK, Alignment, Exchange, align, reading
from gatebench.analysis.report import provenance
from gatebench.analysis.summary import summarise
from gatebench.run.assemble import assemble
from gatebench.run.folder import RunFolder, WorkerRecord
from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.run.summary import Summary
from gatebench.sample import NEVER, SAMPLE
from tests.factory import make_run
from tests.planned import LOAD_START_NS, MS, S

MOMENTS = ("due_ns", "sent_ns", "first_byte_ns", "first_token_ns", "done_ns")
AHEAD_NS = 3_600 * S
PPM = 2.0
FAR = 1


def shown(true_ns: Any) -> Any:
    """Return what the far worker's clock shows: an hour ahead, and 2 µs quicker each second."""
    return true_ns + AHEAD_NS + np.rint((true_ns - LOAD_START_NS) * (PPM / 1e6)).astype(np.int64)


def exchange(at_ns: int, way_ns: int) -> Exchange:
    """Return an exchange with even ways at that moment."""
    heard = int(shown(np.int64(at_ns)))
    return Exchange(at_ns - way_ns, heard, heard, at_ns + way_ns)


def aligned(way_ns: int = 50_000) -> Alignment:
    """Return what a master finds out about that clock."""
    return align(reading([exchange(LOAD_START_NS - S, way_ns)]), reading([exchange(LOAD_START_NS + 34 * S, way_ns)]))


def far_run(root: Path, clock: Alignment | None, **worker: Any) -> RunFolder:
    """Return a run whose second worker kept its books on a clock of its own; `clock` is what run.json says of it."""
    folder = make_run(root, workers=2, rate_per_s=50)
    path = folder.parts / f"samples-{FAR}.arrow"
    tail = StreamTail(path)
    assert tail.table is not None
    writer = StreamWriter(SAMPLE, path, tail.vocabularies, tail.facts)
    for row in tail.table.to_pylist():
        for name in MOMENTS:
            if row[name] != NEVER:
                row[name] = int(shown(np.int64(row[name])))
        writer.append(*(row[column.name] for column in SAMPLE.columns))
    writer.close()
    record = folder.load()
    if clock is not None:
        record.workers = [
            WorkerRecord(worker=0, place="local", clock=ONE_CLOCK),
            WorkerRecord(worker=FAR, place="remote", clock=clock, **worker),
        ]
    folder.save(record)
    return folder


def invalid(summary: Summary) -> dict[str, str]:
    """Return the reasons of an invalid run by name."""
    return {finding.name: finding.sentence for finding in summary.validity if finding.status == "invalid"}


def test_rows_are_on_the_runs_clock(tmp_path: Path) -> None:
    """Translated rows are those of the same run without a foreign clock, to the rounding, and stand in order."""
    far = far_run(tmp_path / "far", aligned())
    assemble(far)
    near = make_run(tmp_path / "near", workers=2, rate_per_s=50)
    assemble(near)
    found, wanted = (
        {row["arrival_id"]: row for row in pq.read_table(folder.samples).to_pylist()} for folder in (far, near)
    )
    assert found.keys() == wanted.keys()
    for arrival, row in found.items():
        for name in MOMENTS:
            assert (row[name] == NEVER) == (wanted[arrival][name] == NEVER)
            assert abs(row[name] - wanted[arrival][name]) <= 2
    order = [row["due_ns"] for row in pq.read_table(far.samples).to_pylist()]
    assert order == sorted(order)


def test_an_aligned_run_is_believed(tmp_path: Path) -> None:
    """Books balance though the clock drifted by 70 µs, and validity says how well the clock is known."""
    summary = summarise(far_run(tmp_path, aligned()))
    assert invalid(summary) == {}
    clocks = next(finding for finding in summary.validity if finding.name == "clocks")
    assert clocks.sentence == "1 load worker with a clock of its own, aligned to 0.050 ms or better."


def test_a_run_without_alignment_is_not(tmp_path: Path) -> None:
    """The same rows without what run.json says of the clock are an hour off, and the books say so."""
    assert "was due at another time" in invalid(summarise(far_run(tmp_path, None)))["books"].replace("were", "was")


def test_an_unsure_clock_makes_the_run_invalid(tmp_path: Path) -> None:
    """30 ms of error against the 25 ms that dispatch may be late: both in the sentence."""
    said = invalid(summarise(far_run(tmp_path, aligned(way_ns=30 * MS))))
    assert said.keys() == {"clocks"}
    assert "load worker 1 is known to 30.00 ms only; at most 25 ms are allowed" in said["clocks"]


@pytest.mark.parametrize(("lacking", "when"), [("after", "after"), ("before", "before")])
def test_an_unread_clock_makes_the_run_invalid(tmp_path: Path, lacking: str, when: str) -> None:
    """Nobody knows how it drifted, or what it showed at all."""
    clock = aligned().model_copy(update={lacking: None})
    assert f"could not be read {when} the load" in invalid(summarise(far_run(tmp_path, clock)))["clocks"]


def test_other_versions_are_a_warning(tmp_path: Path) -> None:
    """What differs elsewhere is said; it does not make the run invalid."""
    summary = summarise(far_run(tmp_path, aligned(), differs=["python 3.99.0 instead of 3.11.7"]))
    assert invalid(summary) == {}
    assert any("Load worker 1 ran elsewhere with python 3.99.0 instead of 3.11.7" in said for said in summary.warnings)


def test_the_report_shows_each_worker(tmp_path: Path) -> None:
    """Offset, error, drift and round trip stand beside where it ran."""
    near, far = provenance.workers(far_run(tmp_path, aligned(), host="abc", python="3.11.7").load())
    assert (near["clock"], near["wrong by at most"], near["drift"]) == ("the run's own", "0.000 ms", "none")
    assert far["place"] == "remote, host abc"
    assert far["clock"].startswith("offset 3599999.")
    assert (far["wrong by at most"], far["drift"], far["quickest round trip"]) == ("0.050 ms", "0.070 ms", "0.100 ms")
