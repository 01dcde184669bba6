"""Streams of rows: packed in memory, flushed to an Arrow IPC file, and readable after the writer was killed.

A row costs one `struct.pack_into` into a preallocated buffer; nothing else happens on the hot path. `flush` turns the filled part
into one record batch and hands it to the operating system, so a SIGKILL loses at most what came after the last flush.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gatebench.sample import FIXED_VOCABULARIES, Table, Vocabularies

FLUSH_INTERVAL_S = 1.0
_FIRST_CAPACITY = 4096
_READ_BYTES = 100_000_000
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class StreamWriter:
    """Writes one table's stream. Not thread-safe: one writer belongs to one event loop or one gevent hub."""

    def __init__(
        self, table: Table, path: Path, vocabularies: Vocabularies, facts: Mapping[str, Any] | None = None
    ) -> None:
        self.table = table
        self._packer = table.packer
        self._size = self._packer.size
        self._buffer = bytearray(self._size * _FIRST_CAPACITY)
        self._used = 0
        words = {**FIXED_VOCABULARIES, **vocabularies}
        metadata = {"gatebench": json.dumps({"table": table.name, "vocabularies": words, "facts": dict(facts or {})})}
        fields = [pa.field(column.name, pa.from_numpy_dtype(np.dtype(column.type))) for column in table.columns]
        self._schema = pa.schema(fields, metadata=metadata)
        self._file = path.open("wb")
        self._stream = pa.ipc.new_stream(self._file, self._schema)
        self._file.flush()
        self.rows = 0

    def append(self, *values: int) -> None:
        """Add one row: its values in column order. Raises struct.error when a value does not fit its column."""
        try:
            self._packer.pack_into(self._buffer, self._used, *values)
        except Exception:
            if self._used + self._size <= len(self._buffer):
                raise
            self._buffer.extend(bytes(len(self._buffer)))
            self._packer.pack_into(self._buffer, self._used, *values)
        self._used += self._size

    @property
    def pending(self) -> int:
        """Rows that no flush has written yet."""
        return self._used // self._size

    def flush(self) -> None:
        """Write the rows since the last flush as one record batch and hand them to the operating system."""
        if not self._used:
            return
        rows = np.frombuffer(bytes(memoryview(self._buffer)[: self._used]), dtype=self.table.dtype)
        self._used = 0
        # From buffers, not pa.array(): that would import pandas into every worker and provider at the first flush.
        arrays = [
            pa.Array.from_buffers(field.type, len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows[field.name]))])
            for field in self._schema
        ]
        self._stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._file.flush()
        self.rows += len(rows)

    def close(self) -> None:
        """Flush, mark the end of the stream, and close the file; harmless when already closed."""
        if self._file.closed:
            return
        self.flush()
        self._stream.close()
        self._file.close()


class StreamTail:
    """What is left of a stream: its rows, its metadata, and whether it ended properly."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.complete = False
        self.vocabularies: dict[str, list[str]] = {}
        self.facts: dict[str, Any] = {}
        self.table: pa.Table | None = None
        self._read()

    def _read(self) -> None:
        """Read batch by batch until the end or the first torn one.

        A killed writer leaves a prefix of the stream. Arrow raises on a batch that is cut; a cut exactly between two batches
        reads as an end, so the end-of-stream mark (four bytes 0xFF and a zero length) is looked for in the file itself.
        """
        batches: list[pa.RecordBatch] = []
        try:
            reader = pa.ipc.open_stream(self._source())
        except (pa.ArrowInvalid, OSError):
            return
        head = json.loads(reader.schema.metadata[b"gatebench"])
        self.vocabularies, self.facts = head["vocabularies"], head["facts"]
        try:
            for batch in reader:
                batches.append(batch)  # noqa: PERF402 - what was read before a torn batch must survive the exception
            self.complete = self._end() == _END
        except (pa.ArrowInvalid, OSError):
            self.complete = False
        self.table = pa.Table.from_batches(batches, schema=reader.schema)

    def _source(self) -> pa.NativeFile:
        """Return the bytes: read where they are few, mapped where memory would not like them."""
        if self.path.stat().st_size <= _READ_BYTES:
            return pa.BufferReader(self.path.read_bytes())
        return pa.memory_map(str(self.path))

    def _end(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - len(_END)))
            return file.read()
