"""Assembling: whatever the processes of a run left becomes the same two tables every time, and what is lacking is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gatebench.run.assemble import assemble, assembled
from gatebench.run.folder import RunFolder
from gatebench.sample import ATTEMPT, NO_ARRIVAL, SAMPLE
from gatebench.stamp import find_request_id
from tests.factory import make_run

TINY = {"rate_per_s": 50, "warmup_s": 0.5, "baseline_s": 2.0, "fault_s": 2.0, "recovery_s": 2.0}


def tiny(root: Path, **knobs: Any) -> RunFolder:
    """Return a run of a few seconds."""
    return make_run(root, **{**TINY, **knobs})


def test_tables_hold_words_and_ids(tmp_path: Path) -> None:
    """Coded columns become words, rows get their request id and their origin, and stand in order of time."""
    folder = tiny(tmp_path, workers=2, foreign_attempts=1)
    found = assemble(folder)
    samples, attempts = pq.read_table(folder.samples).to_pylist(), pq.read_table(folder.attempts).to_pylist()
    assert (found.samples, found.attempts) == (len(samples), len(attempts))
    assert set(samples[0]) == {"request_id", "worker", *(column.name for column in SAMPLE.columns)}
    assert set(attempts[0]) == {"request_id", "provider", *(column.name for column in ATTEMPT.columns)}
    assert {row["worker"] for row in samples} == {0, 1}
    assert {row["phase"] for row in samples} == {"warmup", "baseline", "fault", "recovery"}
    assert {row["end"] for row in attempts} == {"completed", "dropped"}
    assert [row["due_ns"] for row in samples] == sorted(row["due_ns"] for row in samples)
    assert [row["arrived_ns"] for row in attempts] == sorted(row["arrived_ns"] for row in attempts)
    for row in (*samples[:5], *samples[-5:]):
        found_id = find_request_id(row["request_id"].encode())
        assert found_id is not None
        assert (found_id.arrival_id, found_id.ordinal) == (row["arrival_id"], row["ordinal"])
    strangers = [row for row in attempts if row["arrival_id"] == NO_ARRIVAL]
    assert [(row["request_id"], row["kind"]) for row in strangers] == [(None, None)]


def test_codes_beyond_the_vocabulary_are_null(tmp_path: Path) -> None:
    """An answer that nobody stamped has no provider, rather than a wrong one."""
    folder = tiny(tmp_path, lost=2)
    assemble(folder)
    rows = pq.read_table(folder.samples).to_pylist()
    assert {row["provider"] for row in rows if row["outcome"] == "error"} == {None}


def test_same_parts_give_the_same_tables(tmp_path: Path) -> None:
    """Assembling twice changes nothing, byte for byte."""
    folder = tiny(tmp_path)
    first = assemble(folder)
    before = folder.samples.read_bytes(), folder.attempts.read_bytes()
    assert assemble(folder) == first == assembled(folder)
    assert (folder.samples.read_bytes(), folder.attempts.read_bytes()) == before
    assert not list(folder.path.glob(".*.parquet.*"))


def test_tables_survive_their_parts(tmp_path: Path) -> None:
    """When somebody cleared parts/, the tables stay and still say what was found."""
    folder = tiny(tmp_path, torn_bytes=50)
    first = assemble(folder)
    for path in folder.parts.glob("*.arrow"):
        path.unlink()
    assert assemble(folder) == first
    assert first.torn == ("samples-0.arrow",)


def test_schema_version_stands_in_the_tables(tmp_path: Path) -> None:
    """Every table says which version of its schema it follows."""
    folder = tiny(tmp_path)
    assemble(folder)
    assert b'"gatebench.samples/1"' in pq.read_schema(folder.samples).metadata[b"gatebench"]
    assert b'"gatebench.attempts/1"' in pq.read_schema(folder.attempts).metadata[b"gatebench"]


@pytest.mark.parametrize("cut", [1, 8, 9, 100, 3000])
def test_torn_stream_is_read_past(tmp_path: Path, cut: int) -> None:
    """Wherever a stream is cut, what stands before the cut is read, and the stream is named."""
    whole = assemble(tiny(tmp_path / "whole"))
    found = assemble(tiny(tmp_path / "torn", torn_bytes=cut))
    assert found.torn == ("samples-0.arrow",)
    assert 0 < found.samples <= whole.samples
    assert found.attempts == whole.attempts


def test_stream_without_a_beginning(tmp_path: Path) -> None:
    """A stream that was cut inside its head gives no row, is named twice over, and stops nobody else."""
    folder = tiny(tmp_path)
    path = folder.parts / "attempts-provider-b.arrow"
    path.write_bytes(path.read_bytes()[:40])
    found = assemble(folder)
    assert path.name in found.torn
    assert path.name in found.empty
    assert found.attempts


def test_missing_streams_are_named(tmp_path: Path) -> None:
    """Streams that the plan promised and nobody left are named; without any ledger there is no table of attempts."""
    found = assemble(folder := tiny(tmp_path, provider_streams=()))
    assert found.missing == ("attempts-provider-a.arrow", "attempts-provider-b.arrow")
    assert found.attempts is None
    assert not folder.attempts.exists()
    (folder.parts / "samples-0.arrow").unlink()
    folder.samples.unlink()
    assert "samples-0.arrow" in assemble(folder).missing


def test_no_ledger_is_promised_where_the_upstream_is_not_ours(tmp_path: Path) -> None:
    """At the level "no-ledger" a missing table of attempts is not missing."""
    assert assemble(tiny(tmp_path, evidence="no-ledger", provider_streams=())).missing == ()


def test_run_that_never_began(tmp_path: Path) -> None:
    """A folder with nothing but run.json gives an empty table with every column."""
    folder = tiny(tmp_path)
    for path in folder.parts.iterdir():
        path.unlink()
    found = assemble(folder)
    assert (found.samples, found.attempts, found.streams) == (0, None, ())
    assert {column.name for column in SAMPLE.columns} < set(pq.read_schema(folder.samples).names)


def test_killed_run(tmp_path: Path) -> None:
    """Every stream of a killed run is torn, and every stream gives its rows up to the last flush."""
    folder = tiny(tmp_path, killed_at_s=3.6)
    found = assemble(folder)
    assert len(found.torn) == 3
    last_ns = max(row["done_ns"] for row in pq.read_table(folder.samples).to_pylist())
    start_ns = folder.load().clock.load_start_ns or 0
    assert last_ns < start_ns + 3_000_000_000


def test_assembling_needs_no_pandas(tmp_path: Path) -> None:
    """The process that makes runs assembles them too, and pandas has no place in it."""
    folder = tiny(tmp_path)
    script = (
        "import sys; from pathlib import Path; from gatebench.run.assemble import assemble; "
        "from gatebench.run.folder import RunFolder; assemble(RunFolder(Path(sys.argv[1]))); "
        "sys.exit('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder.path)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
