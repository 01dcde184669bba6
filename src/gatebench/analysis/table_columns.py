"""The columns of one large table: each is read when somebody wants it, and no more of it than is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from gatebench.analysis.origins import Filed, Origin, Places, Values
from gatebench.analysis.plain_pages import stamp
from gatebench.analysis.shelf import Shelf

FEW: Final = 4096
MANY: Final = 1 << 16
_STEP: Final = 1 << 17
"""A stretch of a column begins and ends at a multiple of this, so that those who want nearly the same share it."""
_NUMBERS: Final = count()


class Columns:
    """The columns of one table by name, each with its origin; `rows` is how many rows it has."""

    def __init__(self, rows: int, shelf: Shelf) -> None:
        self.rows, self.shelf = rows, shelf
        self._origins: dict[str, Origin] = {}
        self._keys: dict[str, tuple[int, str]] = {}
        self._number = next(_NUMBERS)

    @classmethod
    def of_file(cls, path: Path, shelf: Shelf) -> Columns:
        """Return the columns of a Parquet file, none of them read yet. Raises OSError and pyarrow.ArrowException."""
        known = stamp(path)
        with pq.ParquetFile(path) as file:
            found = cls(file.metadata.num_rows, shelf)
            for name in file.schema_arrow.names:
                found.define(name, Filed(path, name, file.metadata, known))
        return found

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return list(self._origins)

    def define(self, name: str, origin: Origin) -> None:
        """Add a column, or put another in the place of one."""
        self._origins[name], self._keys[name] = origin, (self._number, name)
        self.shelf.drop(self._keys[name])

    def span(self, name: str, start: int, stop: int) -> Values:
        """Return a column from one row up to another. Raises KeyError."""
        origin = self._origins[name]
        if origin.kept:
            return origin.span(start, stop)
        if self._is_whole(name) or self.rows <= MANY or 2 * (stop - start) > self.rows:
            whole = self.shelf.get(self._keys[name], lambda: origin.span(0, self.rows))
            return whole if stop - start == self.rows else whole[start:stop]
        first, last = start // _STEP * _STEP, min(self.rows, -(-stop // _STEP) * _STEP)
        part = self.shelf.get((*self._keys[name], first, last), lambda: origin.span(first, last))
        return part[start - first : stop - first]

    def at(self, name: str, places: Places, reach: tuple[int, int]) -> Values:
        """Return a column at some places, all of them in `reach`; where they are few of many, only what holds them is read.
        Raises KeyError.
        """
        origin = self._origins[name]
        few = len(places) <= FEW and self.rows > MANY
        if origin.kept or not len(places) or (few and not self._is_whole(name)):
            return origin.at(places)
        start, stop = reach
        values = self.span(name, start, stop)
        return values[places - start if start else places]

    def _is_whole(self, name: str) -> bool:
        return self._keys[name] in self.shelf

    def further(self, more: Mapping[str, Origin]) -> Columns:
        """Return the same columns and more; what is shared is kept once."""
        found = Columns(self.rows, self.shelf)
        found._origins, found._keys = dict(self._origins), dict(self._keys)
        for name, origin in more.items():
            found.define(name, origin)
        return found
