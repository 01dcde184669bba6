"""Streams of rows are small, survive their writer, and are read past a torn tail."""

import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.sample import ATTEMPT, SAMPLE, Table

_WRITE_AND_WAIT = """
import sys, time
from pathlib import Path
from gatebench.run.stream import StreamWriter
from gatebench.sample import SAMPLE
writer = StreamWriter(SAMPLE, Path(sys.argv[1]), {"phase": ["baseline"]}, {"worker": 0})
for number in range(1000):
    writer.append(number, *[0] * (len(SAMPLE.columns) - 1))
writer.flush()
for number in range(1000, 1100):
    writer.append(number, *[0] * (len(SAMPLE.columns) - 1))
print("written", flush=True)
time.sleep(60)
"""


def rows(table: Table, count: int) -> list[list[int]]:
    """Rows that differ in every column."""
    return [[number + place for place in range(len(table.columns))] for number in range(count)]


@pytest.mark.parametrize("table", [SAMPLE, ATTEMPT])
def test_what_was_appended_is_read_back(table: Table, tmp_path: Path) -> None:
    """Every row, every column, the vocabularies and the facts."""
    writer = StreamWriter(table, tmp_path / "s.arrow", {"phase": ["warmup", "fault"]}, {"worker": 3})
    for row in rows(table, 100):
        writer.append(*row)
    writer.close()
    tail = StreamTail(tmp_path / "s.arrow")
    assert tail.complete
    assert tail.table is not None
    assert [list(row.values()) for row in tail.table.to_pylist()] == rows(table, 100)
    assert tail.vocabularies["phase"] == ["warmup", "fault"]
    assert tail.facts == {"worker": 3}


@pytest.mark.parametrize("table", [SAMPLE, ATTEMPT])
def test_a_row_takes_less_than_a_hundred_bytes(table: Table) -> None:
    """The promise of the recorder, and every column says what it means."""
    assert table.itemsize <= 100
    assert table.packer.size == table.itemsize
    assert all(column.doc for column in table.columns)


def test_more_rows_than_the_first_buffer_holds(tmp_path: Path) -> None:
    """A slow flush grows the buffer and loses nothing."""
    writer = StreamWriter(ATTEMPT, tmp_path / "s.arrow", {})
    for row in rows(ATTEMPT, 20):
        for _ in range(500):
            writer.append(*row)
    writer.close()
    tail = StreamTail(tmp_path / "s.arrow")
    assert tail.table is not None
    assert tail.table.num_rows == writer.rows == 10_000


def test_a_value_that_does_not_fit_is_an_error_and_not_a_row(tmp_path: Path) -> None:
    """A wrong number must not be recorded as another one."""
    writer = StreamWriter(SAMPLE, tmp_path / "s.arrow", {})
    good = [0] * len(SAMPLE.columns)
    with pytest.raises(struct.error):
        writer.append(2**40, *good[1:])
    writer.append(*good)
    writer.close()
    tail = StreamTail(tmp_path / "s.arrow")
    assert tail.table is not None
    assert tail.table.num_rows == 1


def test_a_killed_writer_loses_only_what_it_had_not_flushed(tmp_path: Path) -> None:
    """SIGKILL after a flush of 1000 rows and 100 more: the 1000 are there, and the stream says it is not complete."""
    path = tmp_path / "s.arrow"
    writer = subprocess.Popen([sys.executable, "-c", _WRITE_AND_WAIT, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"written\n"
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    tail = StreamTail(path)
    assert not tail.complete
    assert tail.table is not None
    assert tail.table["arrival_id"].to_pylist() == list(range(1000))


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1))
def test_any_prefix_of_a_stream_is_readable(cut: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cut anywhere: whole batches are kept, order is kept, and only the whole file counts as complete."""
    path = tmp_path_factory.mktemp("torn") / "s.arrow"
    writer = StreamWriter(ATTEMPT, path, {})
    for row in rows(ATTEMPT, 50):
        writer.append(*row)
        if row[0] % 10 == 9:
            writer.flush()
    writer.close()
    data = path.read_bytes()
    kept = int(len(data) * cut)
    path.write_bytes(data[:kept])
    tail = StreamTail(path)
    found = [] if tail.table is None else tail.table["attempt"].to_pylist()
    assert found == list(range(len(found)))
    assert len(found) % 10 == 0
    assert tail.complete == (kept == len(data))
