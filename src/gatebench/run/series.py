"""The table of everything that was read once a second: processes, the gateway's own page, and what a Prometheus knows.

`process` says who it is about. Names of processes begin with a letter; a page is called by its path ("/metrics") and a Prometheus
"prometheus HOST:PORT", which no process can be called. So whatever a gateway names its metrics, nobody takes them for ours.
"""

from __future__ import annotations

import contextlib
import json
import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gatebench.run.pages import MOST_ROWS, MOST_SERIES, Heard, Rows, canonical, parse

MACHINE: Final = "the machine"
"""Who it is about where it is the whole machine; no process can be called so."""

STEAL: Final = "steal_s"
"""Processor time that the host of a virtual machine gave to others while it was wanted here, all processors together (proc(5), stat)."""

PROCESSES_PART: Final = "series.jsonl"
PAGES_PART: Final = "metrics.pages"
PROMETHEUS_PART: Final = "prometheus.jsonl"
_PAGE: Final = "/"
_PROMETHEUS: Final = "prometheus "
_GROUP_ROWS: Final = 1 << 17
_HEARD: Final = b"gatebench.heard"
_SCHEMA: Final = pa.schema(
    [("at_ns", pa.int64()), ("process", pa.string()), ("metric", pa.string()), ("value", pa.float64())]
)
_LATEST_NS: Final = 1 << 63
_LETTERS: Final = ["process", "metric"]


def is_process(name: str) -> bool:
    """Tell whether a name in the column `process` is a process, and neither a page nor a Prometheus."""
    return not name.startswith((_PAGE, _PROMETHEUS))


def prometheus_source(address: str) -> str:
    """Return the name of the Prometheus at HOST:PORT in the column `process`."""
    return f"{_PROMETHEUS}{address}"


def parts_of_series(parts: Path) -> list[Path]:
    """Return the parts of the table that are there."""
    found = (parts / name for name in (PROCESSES_PART, PAGES_PART, PROMETHEUS_PART))
    return [path for path in found if path.exists()]


def assemble_series(parts: Path, into: Path, page: str | None = None) -> list[Heard]:
    """Write series.parquet from what `parts` holds, torn ends left out; returns what came of each source that was listened to.

    `page` is the path of the gateway's page, None when nobody asked for one.
    """
    heard: list[Heard] = []
    tables: list[tuple[str, Rows]] = []
    if page is not None and (parts / PAGES_PART).exists():
        found, rows = parse(parts / PAGES_PART, page)
        heard.append(found)
        tables.append((page, rows))
    if (parts / PROMETHEUS_PART).exists():
        answered = _prometheus(parts / PROMETHEUS_PART)
        if answered is not None:
            heard.append(answered[0])
            tables.append((answered[0].source, answered[1]))
    told = json.dumps([asdict(one) for one in heard]).encode()
    schema = _SCHEMA.with_metadata({b"gatebench.schema": b"gatebench.series/1", _HEARD: told})
    draft = into.with_suffix(".draft")
    with pq.ParquetWriter(draft, schema) as writer:
        writer.write_table(_processes(parts / PROCESSES_PART, schema))
        for source, rows in tables:  # each in groups of its own, so that whoever wants one of them reads no other
            for start in range(0, len(rows), _GROUP_ROWS):
                writer.write_table(_table(source, rows, start, schema))
    draft.replace(into)
    return heard


def read_series(path: Path, wanted: Callable[[str], bool]) -> pa.Table:
    """Return the rows whose `process` is wanted, words as dictionaries. Raises OSError, pyarrow.ArrowException."""
    with pq.ParquetFile(path, read_dictionary=_LETTERS) as file:
        place = file.schema_arrow.get_field_index("process")
        groups = [group for group in range(file.num_row_groups) if _may_hold(file, group, place, wanted)]
        table = file.read_row_groups(groups)
    if not len(table):
        return table
    column = table.column("process").unify_dictionaries().combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    chosen = pa.array([wanted(str(word)) for word in column.dictionary.to_pylist()], pa.bool_())
    return table.filter(pc.take(chosen, column.indices))


def read_heard(path: Path) -> list[Heard]:
    """Return what came of each source; nothing in a table of processes alone. Raises OSError, pyarrow.ArrowException."""
    told = (pq.read_schema(path).metadata or {}).get(_HEARD)
    try:
        return [Heard(**{**one, "trouble": tuple(one["trouble"])}) for one in json.loads(told)] if told else []
    except (KeyError, TypeError, ValueError):
        return []


def _may_hold(file: pq.ParquetFile, group: int, place: int, wanted: Callable[[str], bool]) -> bool:
    """Tell whether a group of rows may hold what is wanted: one that is about a single process says so."""
    known = file.metadata.row_group(group).column(place).statistics
    if known is None or not known.has_min_max or known.min != known.max:
        return True
    return wanted(str(known.min))


def _processes(path: Path, schema: pa.Schema) -> pa.Table:
    """Return the lines of the operating system's figures, a torn last one left out."""
    rows = []
    if path.exists():
        for line in path.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    arrays = [pa.array(list(values), type=kind.type) for values, kind in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _table(source: str, rows: Rows, start: int, schema: pa.Schema) -> pa.Table:
    part = slice(start, start + _GROUP_ROWS)
    codes = _numbers(rows.codes[part], pa.int32())
    at_ns, values = _numbers(rows.at_ns[part], pa.int64()), _numbers(rows.values[part], pa.float64())
    names = pa.DictionaryArray.from_arrays(codes, pa.array(rows.names, pa.string())).cast(pa.string())
    return pa.Table.from_arrays([at_ns, pa.array([source] * len(values), pa.string()), names, values], schema=schema)


def _numbers(values: array[Any], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values.tobytes())])


def _prometheus(path: Path) -> tuple[Heard, Rows] | None:
    """Return what a Prometheus answered: a head that says who and on which clock, then a line a series; torn lines are left out."""
    with path.open() as file:
        try:
            head = json.loads(file.readline())
            source, zero_ns = prometheus_source(str(head["address"])), int(head["monotonic_ns"]) - int(head["unix_ns"])
            why, trouble = str(head["why"]), [str(one) for one in head["trouble"]]
        except (KeyError, TypeError, ValueError):
            return None
        rows, numbers = Rows(), dict[str, int]()
        moments = set()
        for line in file:
            try:
                labels, values = json.loads(line)
                name = canonical(str(labels.pop("__name__", "")), {str(key): str(text) for key, text in labels.items()})
                name = name.encode("utf-8", "replace").decode()  # JSON may hold half a character
                found = [(int(float(at_s) * 1e9) + zero_ns, float(value)) for at_s, value in values]
            except (AttributeError, TypeError, ValueError, OverflowError):
                continue
            if name not in numbers and len(numbers) == MOST_SERIES:
                continue
            code = numbers.setdefault(name, len(numbers))
            for at_ns, value in found[: max(0, MOST_ROWS - len(rows))]:
                if not math.isnan(value) and abs(at_ns) < _LATEST_NS:
                    rows.add(at_ns, code, value)
                    moments.add(at_ns)
        rows.names = list(numbers)
    if len(rows) == MOST_ROWS:
        trouble.append(f"{source} had more than {MOST_ROWS} values: the rest was left out")
    if not rows and not why:
        why = f"it knows nothing of {head.get('asked', 'what was asked')} in the time of the run"
    failures: Sequence[str] = [why] if why else []
    return Heard(source, len(moments), dict.fromkeys(failures, 1), len(rows.names), tuple(trouble)), rows
