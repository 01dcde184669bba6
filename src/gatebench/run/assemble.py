"""Joins the streams that the processes of a run left in `parts/` into the tables that everybody reads.

Numbers become words (every coded column is decoded by the vocabulary in its own stream), rows get the request id and
the process they came from, and stand in order of time: that of the run's clock, into which the times of each worker are
translated. A stream that was torn by a crash gives what it holds and is named. Nothing here needs pandas.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gatebench.alignment import Alignment
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder
from gatebench.run.learnt import learnt_routes
from gatebench.run.sightings import seen_anew
from gatebench.run.stream import StreamTail
from gatebench.sample import ATTEMPT, FIXED_VOCABULARIES, NEVER, NO_ARRIVAL, SAMPLE, Table, Vocabularies
from gatebench.stamp import KINDS, format_request_id

SAMPLES_SCHEMA: Final = "gatebench.samples/1"
ATTEMPTS_SCHEMA: Final = "gatebench.attempts/1"
_KEY: Final = b"gatebench"
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

    Without any stream in `parts/` (somebody cleared it) the tables that are there stay, and what was found back then is
    returned. Without any ledger no attempts.parquet is written: no attempts recorded is not the same as none made.
    """
    record = folder.load()
    plan = record.plan
    clocks = {worker.worker: worker.clock for worker in record.workers}
    samples = _streams(folder.parts, "samples-*.arrow")
    attempts = _streams(folder.parts, "attempts-*.arrow")
    if not samples and not attempts:
        before = assembled(folder)
        if before is not None:
            return before
    sample_table = _joined(SAMPLE, samples, plan, _sample_origin, ("due_ns", "arrival_id", "ordinal"), clocks=clocks)
    attempt_table = _joined(ATTEMPT, attempts, plan, _attempt_origin, ("arrived_ns", "attempt", "arrival_id"))
    books = Counter(str(tail.facts.get("provider", "")) for tail in attempts)
    attempt_table = seen_anew(attempt_table, [provider for provider, number in books.items() if number > 1])
    found = Assembly(
        samples=sample_table.num_rows,
        attempts=attempt_table.num_rows if attempts else None,
        streams=tuple(
            StreamFacts(tail.path.name, tail.table.num_rows if tail.table is not None else 0, tail.complete)
            for tail in (*samples, *attempts)
        ),
        missing=_missing(plan, {tail.path.name for tail in (*samples, *attempts)}),
    )
    _write(sample_table, folder.samples, SAMPLES_SCHEMA, found)
    if attempts:
        _write(attempt_table, folder.attempts, ATTEMPTS_SCHEMA, found)
    else:
        folder.attempts.unlink(missing_ok=True)
    return found


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


def _joined(
    table: Table,
    tails: Sequence[StreamTail],
    plan: Plan,
    origin: _Origin,
    order: Iterable[str],
    *,
    clocks: Mapping[int, Alignment] | None = None,
) -> pa.Table:
    """Return all rows of the readable streams, decoded, on the run's clock, with request id and origin, in the given order."""
    words: Vocabularies = {**FIXED_VOCABULARIES, **plan.vocabularies()}
    nothing = {column.name: np.empty(0, "<" + column.type) for column in table.columns}
    read = [_decoded(table, nothing, words, plan, origin(None, 0))]
    for tail in tails:
        if tail.table is not None:
            codes = {column.name: _plain(tail.table.column(column.name), column.type) for column in table.columns}
            clock = (clocks or {}).get(int(tail.facts.get("worker", 0)))
            if clock is not None and not clock.same:
                codes |= {name: _on_run_clock(codes[name], clock) for name in _MOMENTS}
            known = {**tail.vocabularies}
            if table is SAMPLE:
                known["route"] = [*known["route"], *learnt_routes(tail.path)]
            read.append(_decoded(table, codes, known, plan, origin(tail, tail.table.num_rows)))
    joined = pa.concat_tables(read).unify_dictionaries()
    return joined.sort_by([(name, "ascending") for name in order])


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
    return pa.table(columns)


def _on_run_clock(times: npt.NDArray[Any], clock: Alignment) -> npt.NDArray[Any]:
    """Return a column of moments on the run's clock; what never happened stays that way."""
    return np.where(times == NEVER, times, clock.to_run(times))


def _plain(column: pa.ChunkedArray, type_name: str) -> npt.NDArray[Any]:
    """Return a column's numbers. Read from its buffers: Arrow's own conversion imports pandas."""
    dtype = np.dtype("<" + type_name)
    chunks = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(chunks) if chunks else np.empty(0, dtype)


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


def _write(table: pa.Table, path: Path, schema: str, found: Assembly) -> None:
    """Write a table in one step: a reader sees the old or the new one, never half."""
    head = json.dumps({"schema": schema, "assembly": asdict(found)})
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table.replace_schema_metadata({_KEY: head}), draft)
    draft.replace(path)
