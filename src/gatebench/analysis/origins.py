"""Where the values of one column of a table come from: a file, memory, a formula, or the columns of another table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gatebench.analysis import plain_pages

Values = Any
"""One column, or some of it: a numpy array, or a categorical of pandas."""
Places = npt.NDArray[np.int64]

_GROUPS: Final = 8
"""So many groups of rows are read at a time: what is read and what it becomes need room side by side."""


class Origin(Protocol):
    """The origin of a column. `kept`: what it gives is kept somewhere already, and costs nothing to ask for again."""

    kept: bool

    def span(self, start: int, stop: int) -> Values:
        """Return the rows from `start` up to `stop`."""

    def at(self, places: Places) -> Values:
        """Return the rows at some places, in their order."""


class Given:
    """A column that is there."""

    kept = True

    def __init__(self, values: Values) -> None:
        self._values = values

    def span(self, start: int, stop: int) -> Values:
        """Return the rows from `start` up to `stop`."""
        return self._values[start:stop]

    def at(self, places: Places) -> Values:
        """Return the rows at some places."""
        return self._values[places]


class Computed:
    """A column with a formula, which takes which of the table's rows are wanted: a slice of them, or places."""

    kept = False

    def __init__(self, formula: Callable[[slice | Places], Values]) -> None:
        self._formula = formula

    def span(self, start: int, stop: int) -> Values:
        """Return the rows from `start` up to `stop`."""
        return self._formula(slice(start, stop))

    def at(self, places: Places) -> Values:
        """Return the rows at some places."""
        return self._formula(places)


class Spread:
    """A column that is the same almost everywhere: some places, each once, have values of their own."""

    kept = False

    def __init__(self, places: Places, values: Values, usual: Any) -> None:
        order = np.argsort(places, kind="stable")
        self._places, self._values, self._usual = places[order], values[order], usual

    def span(self, start: int, stop: int) -> Values:
        """Return the rows from `start` up to `stop`."""
        found = np.full(stop - start, self._usual)
        first, last = np.searchsorted(self._places, (start, stop))
        found[self._places[first:last] - start] = self._values[first:last]
        return found

    def at(self, places: Places) -> Values:
        """Return the rows at some places."""
        found = np.full(len(places), self._usual)
        if len(self._places):
            where = np.minimum(np.searchsorted(self._places, places), len(self._places) - 1)
            own = self._places[where] == places
            found[own] = self._values[where[own]]
        return found


class Filed:
    """A column of a Parquet file, of which no more is read than is asked for."""

    kept = False

    def __init__(self, path: Path, name: str, about: pq.FileMetaData, stamp: plain_pages.Stamp) -> None:
        self._path, self._name, self._about, self._stamp = path, name, about, stamp
        self._place = about.schema.to_arrow_schema().get_field_index(name)
        self._ends = np.cumsum([about.row_group(number).num_rows for number in range(about.num_row_groups)])

    @cached_property
    def _begins(self) -> npt.NDArray[np.int64] | None:
        """Where the values of each group of rows begin; None unless they lie plain in the file."""
        return plain_pages.offsets(self._path, self._about, self._place)

    @cached_property
    def _dtype(self) -> type[np.generic]:
        return cast("type[np.generic]", self._about.schema.to_arrow_schema().field(self._place).type.to_pandas_dtype())

    def span(self, start: int, stop: int) -> Values:
        """Return the rows from `start` up to `stop`."""
        if start >= stop:
            return self._none
        first, last = np.searchsorted(self._ends, (start, stop - 1), side="right")
        groups = range(int(first), int(last) + 1)
        before = int(self._ends[first - 1]) if first else 0
        if self._begins is not None:
            rows = np.diff(self._ends[first : last + 1], prepend=before).tolist()
            plain = plain_pages.read(self._path, self._stamp, self._begins[first : last + 1], rows, self._dtype)
            return plain[start - before : stop - before]
        with pq.ParquetFile(self._path, metadata=self._about) as file:
            kind = file.schema_arrow.field(self._name).type
            if pa.types.is_integer(kind) or pa.types.is_floating(kind):
                found = self._numbers(file, groups, kind.to_pandas_dtype())
                if found is not None:
                    return found[start - before : stop - before]
            return self._read(file, list(groups))[start - before : stop - before]

    def at(self, places: Places) -> Values:
        """Return the rows at some places: only the groups of rows that hold them are read."""
        if not len(places):
            return self._none
        starts = np.concatenate(([0], self._ends[:-1]))
        of = np.searchsorted(self._ends, places, side="right")
        groups = np.unique(of)
        sizes = (self._ends - starts)[groups]
        before = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        if self._begins is not None:
            found = plain_pages.read(self._path, self._stamp, self._begins[groups], sizes.tolist(), self._dtype)
        else:
            with pq.ParquetFile(self._path, metadata=self._about) as file:
                found = self._read(file, groups.tolist())
        return found[places - starts[of] + before[np.searchsorted(groups, of)]]

    def _numbers(self, file: pq.ParquetFile, groups: range, dtype: type[np.generic]) -> Values | None:
        """Return groups of plain numbers, a few at a time; None where some are missing."""
        sizes = [self._about.row_group(group).num_rows for group in groups]
        found, done = np.empty(sum(sizes), dtype), 0
        for first in range(0, len(groups), _GROUPS):
            some = list(groups[first : first + _GROUPS])
            column = file.read_row_groups(some, columns=[self._name], use_threads=False)[self._name]
            if column.null_count:
                return None
            for chunk in column.chunks:
                found[done : done + len(chunk)] = chunk.to_numpy()
                done += len(chunk)
        return found

    def _read(self, file: pq.ParquetFile, groups: list[int]) -> Values:
        return self._plain(file.read_row_groups(groups, columns=[self._name], use_threads=False))

    @cached_property
    def _none(self) -> Values:
        """No row: what is empty is of the same kind still, with the same words."""
        with pq.ParquetFile(self._path, metadata=self._about) as file:
            first = next(file.iter_batches(1, columns=[self._name], use_threads=False), None)
            schema = pa.schema([file.schema_arrow.field(self._name)])
        return self._plain(pa.Table.from_batches([] if first is None else [first], schema))[:0]

    def _plain(self, table: pa.Table) -> Values:
        column = table[self._name].to_pandas()
        return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array
