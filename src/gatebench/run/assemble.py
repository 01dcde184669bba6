"""Joins the streams that the processes of a run left in `parts/` into the tables that everybody reads.

Numbers become words (every coded column is decoded by the vocabulary in its own stream), rows get the request id and
the process they came from, and stand in order of time: that of the run's clock, into which the times of each worker are
translated. A stream that was torn by a crash gives what it holds and is named. Nothing here needs pandas.
"""

from __future__ import annotations

import inspect
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gatebench.alignment import Alignment
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder, RunRecord, write_atomically
from gatebench.run.learnt import learnt_routes
from gatebench.run.sightings import seen_anew
from gatebench.run.stream import StreamTail
from gatebench.sample import ATTEMPT, FIXED_VOCABULARIES, NEVER, NO_ARRIVAL, SAMPLE, Table, Vocabularies
from gatebench.stamp import KINDS, format_request_id

SAMPLES_SCHEMA: Final = "gatebench.samples/1"
ATTEMPTS_SCHEMA: Final = "gatebench.attempts/1"
PIECE_ROWS: Final = 1 << 20
"""So many rows are decoded at a time."""
GROUP_ROWS: Final = 1 << 17
"""So many rows stand in one group of the file: whoever wants a few rows reads the groups that hold them."""
_DICTIONARY_BYTES: Final = 1 << 14
_CHOICES: Final = inspect.signature(pq.ParquetWriter.__init__).parameters
_WIDE: Final = (pa.int64(), pa.uint64())
"""What needs a larger dictionary in one group of rows has too many different values for one."""
_KEY: Final = b"gatebench"
_NOTE: Final = "assembled.json"
_MADE_BY: Final = 1
_MOMENTS: Final = ("due_ns", "sent_ns", "first_byte_ns", "first_token_ns", "done_ns")


@dataclass(frozen=True)
class StreamFacts:
    """One stream of `parts/`: what was read from it, and whether it ended properly."""

    name: str
    rows: int
    complete: bool


@dataclass(frozen=True)
class Assembly:
    """What assembling found: rows of each table (`attempts` is None without any ledger), streams, and what the plan
    promised in vain.
    """

    samples: int
    attempts: int | None
    streams: tuple[StreamFacts, ...]
    missing: tuple[str, ...]

    @property
    def torn(self) -> tuple[str, ...]:
        """Names of the streams that stop without their end mark: their writer was killed, or the file was cut."""
        return tuple(stream.name for stream in self.streams if not stream.complete)

    @property
    def empty(self) -> tuple[str, ...]:
        """Names of the streams without a row."""
        return tuple(stream.name for stream in self.streams if stream.rows == 0)


def assemble(folder: RunFolder) -> Assembly:
    """Write samples.parquet and attempts.parquet from `parts/`, and say what was found; the same parts give the same
    tables.

    Nothing is done when the same parts were assembled before and nobody has touched them, or the tables, since. Without any
    stream in `parts/` (somebody cleared it) the tables that are there stay, and what was found back then is returned. Without
    any ledger no attempts.parquet is written: no attempts recorded is not the same as none made.
    """
    record = folder.load()
    plan = record.plan
    state = _state(folder, record)
    before = assembled(folder) if state == _noted(folder) else None
    if before is not None:
        return before
    clocks = {worker.worker: worker.clock for worker in record.workers}
    samples = _streams(folder.parts, "samples-*.arrow")
    attempts = _streams(folder.parts, "attempts-*.arrow")
    if not samples and not attempts:
        before = assembled(folder)
        if before is not None:
            return before
    found = Assembly(
        samples=sum(_rows_of(tail) for tail in samples),
        attempts=sum(_rows_of(tail) for tail in attempts) if attempts else None,
        streams=tuple(StreamFacts(tail.path.name, _rows_of(tail), tail.complete) for tail in (*samples, *attempts)),
        missing=_missing(plan, {tail.path.name for tail in (*samples, *attempts)}),
    )
    joined = _Joining(SAMPLE, samples, plan, _sample_origin, clocks).pieces(("due_ns", "arrival_id", "ordinal"))
    _write(joined, folder.samples, SAMPLES_SCHEMA, found)
    if attempts:
        joined = _Joining(ATTEMPT, attempts, plan, _attempt_origin, {}).pieces(("arrived_ns", "attempt", "arrival_id"))
        books = Counter(str(tail.facts.get("provider", "")) for tail in attempts)
        doubled = [provider for provider, number in books.items() if number > 1]
        if doubled:  # what several processes saw is counted over all of them, which takes the whole table
            joined = iter([seen_anew(pa.concat_tables(joined), doubled)])
        _write(joined, folder.attempts, ATTEMPTS_SCHEMA, found)
    else:
        folder.attempts.unlink(missing_ok=True)
    _note(folder, _state(folder, record))
    return found


def _rows_of(tail: StreamTail) -> int:
    return 0 if tail.table is None else int(tail.table.num_rows)


def _state(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    """Return what tells whether anything has changed since the tables were made: sizes and times of every file, and clocks."""
    files = [*sorted(folder.parts.glob("*")), folder.samples, folder.attempts]
    clocks = [worker.model_dump_json() for worker in record.workers]
    told = {"made_by": _MADE_BY, "token": record.plan.token, "clocks": clocks}
    there = {path.name: path.stat() for path in files if path.name != _NOTE and path.is_file()}
    return told | {"files": {name: [facts.st_size, facts.st_mtime_ns] for name, facts in there.items()}}


def _noted(folder: RunFolder) -> dict[str, Any] | None:
    try:
        noted = json.loads((folder.parts / _NOTE).read_text())
    except (OSError, ValueError):
        return None
    return noted if isinstance(noted, dict) else None


def _note(folder: RunFolder, state: dict[str, Any]) -> None:
    if folder.parts.is_dir():
        write_atomically(folder.parts / _NOTE, json.dumps(state))


def assembled(folder: RunFolder) -> Assembly | None:
    """Return what was found when the tables that are there were assembled, or None when there are none."""
    if not folder.samples.exists():
        return None
    head = (pq.read_schema(folder.samples).metadata or {}).get(_KEY)
    if head is None:
        raise ValueError("samples.parquet does not say what it was assembled from")
    found = json.loads(head)["assembly"]
    return Assembly(
        samples=found["samples"],
        attempts=found["attempts"],
        streams=tuple(StreamFacts(**stream) for stream in found["streams"]),
        missing=tuple(found["missing"]),
    )


def _streams(parts: Path, pattern: str) -> list[StreamTail]:
    return [StreamTail(path) for path in sorted(parts.glob(pattern))]


def _missing(plan: Plan, there: set[str]) -> tuple[str, ...]:
    """Return the names of the streams that the plan promised and nobody left."""
    promised = [f"samples-{worker}.arrow" for worker in range(plan.load.workers)]
    if plan.evidence in ("full", "unreset"):
        promised += [name for provider in plan.providers for name in provider.stream_names()]
    return tuple(name for name in promised if name not in there)


_Origin = Callable[[StreamTail | None, int], tuple[str, pa.Array]]


def _sample_origin(tail: StreamTail | None, rows: int) -> tuple[str, pa.Array]:
    worker = int(tail.facts.get("worker", 0)) if tail else 0
    return "worker", _numbers(np.full(rows, worker, dtype=np.uint16))


def _attempt_origin(tail: StreamTail | None, rows: int) -> tuple[str, pa.Array]:
    name = str(tail.facts.get("provider", tail.path.stem.removeprefix("attempts-"))) if tail else ""
    return "provider", _words(np.zeros(rows, dtype=np.uint8), [name])


class _Joining:
    """The rows of all readable streams of one kind, in order of time: cut into pieces that fit into memory, then decoded."""

    def __init__(
        self, table: Table, tails: Sequence[StreamTail], plan: Plan, origin: _Origin, clocks: Mapping[int, Alignment]
    ) -> None:
        self.table, self.plan, self.origin, self.clocks = table, plan, origin, clocks
        self.tails = [tail for tail in tails if tail.table is not None]
        self.words: Vocabularies = {**FIXED_VOCABULARIES, **plan.vocabularies()}

    def pieces(self, order: Sequence[str]) -> Iterator[pa.Table]:
        """Yield the rows in the given order, decoded, on the run's clock, with request id and origin; all with one schema."""
        ends = np.cumsum([0, *(_rows_of(tail) for tail in self.tails)])
        keys = [np.concatenate([self._codes(tail, name) for tail in self.tails] or [np.empty(0)]) for name in order]
        places = _in_order(keys)
        del keys
        nothing = {column.name: np.empty(0, "<" + column.type) for column in self.table.columns}
        empty = [_decoded(self.table, nothing, self.words, self.plan, self.origin(None, 0))]
        empty += [self._rows(tail, np.empty(0, np.int64)) for tail in self.tails]
        head = pa.concat_tables(empty).unify_dictionaries()  # every word in its place, whichever piece it occurs in
        for start in range(0, max(1, len(places)), PIECE_ROWS):
            wanted = places[start : start + PIECE_ROWS]
            of = np.searchsorted(ends, wanted, side="right") - 1
            made = [head]
            sources = [np.flatnonzero(of == number) for number in range(len(self.tails))]
            made += [
                self._rows(tail, wanted[own] - ends[number])
                for number, (tail, own) in enumerate(zip(self.tails, sources, strict=True))
            ]
            piece = pa.concat_tables(made).unify_dictionaries()
            if len(self.tails) > 1:
                back = np.empty(len(wanted), np.int64)
                back[np.concatenate(sources)] = np.arange(len(wanted))
                piece = piece.take(_numbers(back))
            yield piece.combine_chunks()

    def _rows(self, tail: StreamTail, places: npt.NDArray[np.int64]) -> pa.Table:
        codes = {column.name: self._codes(tail, column.name, places) for column in self.table.columns}
        known = {**tail.vocabularies}
        if self.table is SAMPLE:
            known["route"] = [*known["route"], *learnt_routes(tail.path)]
        return _decoded(self.table, codes, known, self.plan, self.origin(tail, len(places)))

    def _codes(self, tail: StreamTail, name: str, places: npt.NDArray[np.int64] | None = None) -> npt.NDArray[Any]:
        assert tail.table is not None  # noqa: S101 - only such are kept
        kind = next(column.type for column in self.table.columns if column.name == name)
        values = _plain(tail.table.column(name), kind, places)
        clock = self.clocks.get(int(tail.facts.get("worker", 0)))
        strange = self.table is SAMPLE and name in _MOMENTS and clock is not None and not clock.same
        return _on_run_clock(values, clock) if strange and clock is not None else values


def _in_order(keys: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return the order by the first key, and where that is the same by the next ones."""
    order = np.argsort(keys[0], kind="stable")  # rows come nearly in order, which this sort makes use of
    first = keys[0][order]
    if (first[1:] == first[:-1]).any():
        return np.lexsort(tuple(reversed(keys)))
    return order


def _decoded(
    table: Table, codes: Mapping[str, npt.NDArray[Any]], words: Vocabularies, plan: Plan, origin: tuple[str, pa.Array]
) -> pa.Table:
    name, where = origin
    columns = {
        "request_id": _request_ids(plan, codes["arrival_id"], codes["ordinal"], codes["kind"]),
        name: where,
    }
    for column in table.columns:
        values = codes[column.name]
        columns[column.name] = _words(values, words[column.vocabulary]) if column.vocabulary else _numbers(values)
    fields = [pa.field(name, values.type, nullable=values.type not in _WIDE) for name, values in columns.items()]
    return pa.table(columns, pa.schema(fields))


def _on_run_clock(times: npt.NDArray[Any], clock: Alignment) -> npt.NDArray[Any]:
    """Return a column of moments on the run's clock; what never happened stays that way."""
    return np.where(times == NEVER, times, clock.to_run(times))


def _plain(column: pa.ChunkedArray, type_name: str, places: npt.NDArray[np.int64] | None = None) -> npt.NDArray[Any]:
    """Return a column's numbers, all or those at some places. Read from its buffers: Arrow's own conversion imports pandas."""
    dtype = np.dtype("<" + type_name)
    chunks = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
        for chunk in column.chunks
        if len(chunk)
    ]
    if places is None:
        return np.concatenate(chunks) if chunks else np.empty(0, dtype)
    if not len(places):
        return np.empty(0, dtype)
    ends = np.cumsum([len(chunk) for chunk in chunks])
    first, last = np.searchsorted(ends, (places.min(), places.max()), side="right")
    before = int(ends[first - 1]) if first else 0  # what stands together came together: few chunks hold it
    return np.concatenate(chunks[first : last + 1])[places - before]


def _numbers(values: npt.NDArray[Any]) -> pa.Array:
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _strings(words: Sequence[str]) -> pa.Array:
    encoded = [word.encode() for word in words]
    offsets = np.concatenate(([0], np.cumsum([len(word) for word in encoded]))).astype(np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(words), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded) or b"\0")]
    )


def _words(codes: npt.NDArray[Any], words: Sequence[str]) -> pa.Array:
    """Return codes as a dictionary of words; a code beyond the vocabulary (such as "no provider") becomes null."""
    known = codes < len(words)
    indices = np.where(known, codes, 0).astype(np.int32)
    validity = pa.py_buffer(np.packbits(known, bitorder="little"))
    array = pa.Array.from_buffers(pa.int32(), len(codes), [validity, pa.py_buffer(indices)])
    return pa.DictionaryArray.from_arrays(array, _strings(words))


def _request_ids(
    plan: Plan, arrivals: npt.NDArray[Any], ordinals: npt.NDArray[Any], kinds: npt.NDArray[Any]
) -> pa.Array:
    """Return the text of each row's request id; null where an attempt carried none, and for Locust's own requests."""
    if plan.load.locustfile is not None:
        arrivals = np.full(len(arrivals), NO_ARRIVAL, np.int64)
    # The pieces around arrival and ordinal are cut from formatted ids, so that `stamp` alone knows how one looks.
    shapes = [format_request_id(plan.token, 0, 0, kind) for kind in range(len(KINDS))]
    prefix, endings = shapes[0][: -len("0-0-l")], [shape[-len("-l") :] for shape in shapes]
    everywhere = np.zeros(len(arrivals), np.uint8)
    pieces = [
        _words(np.where(arrivals == NO_ARRIVAL, 1, everywhere), [prefix]),
        _numbers(arrivals),
        _words(everywhere, ["-"]),
        _numbers(ordinals),
        _words(kinds, endings),
        _words(everywhere, [""]),  # the last piece is what the others are joined by
    ]
    return cast("pa.Array", pc.binary_join_element_wise(*(piece.cast(pa.string()) for piece in pieces)))


def _write(pieces: Iterator[pa.Table], path: Path, schema: str, found: Assembly) -> None:
    """Write a table in one step: a reader sees the old or the new one, never half."""
    head = json.dumps({"schema": schema, "assembly": asdict(found)})
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    first = next(pieces)
    with pq.ParquetWriter(draft, first.schema.with_metadata({_KEY: head}), **layout(first.schema)) as writer:
        for piece in chain([first], pieces):
            writer.write_table(piece.replace_schema_metadata({_KEY: head}), row_group_size=GROUP_ROWS)
    draft.replace(path)


def layout(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns lie in the file: those of few different values as a dictionary, compressed; times and other wide numbers,
    which differ in every row, as they are and in one page for each group of rows, so that whoever reads them decodes nothing.
    """
    wide = [field.name for field in schema if field.type in _WIDE]
    # From pyarrow 23 on pages are cut by rows unless it is told otherwise.
    pages = {"max_rows_per_page": GROUP_ROWS} if "max_rows_per_page" in _CHOICES else {}
    return {
        "compression": {name: "NONE" if name in wide else "SNAPPY" for name in schema.names},
        "use_dictionary": [name for name in schema.names if name not in wide],
        "dictionary_pagesize_limit": _DICTIONARY_BYTES,
        "data_page_size": 2 * GROUP_ROWS * 8,
        **pages,
        "write_batch_size": GROUP_ROWS,
    }
