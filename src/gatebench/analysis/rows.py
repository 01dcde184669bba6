"""Rows of a large table that cost what is asked of them: columns are read when somebody wants them, and selecting copies none.

A run may hold ten million samples of forty columns, two gigabytes as one frame; a metric wants three columns of one phase.
`Rows` is a data frame that knows where its columns come from (`gatebench.analysis.table_columns`) and which of the rows are its
own. What was read, and what was cut out of it, is kept on a `Shelf` of limited size, the least used makes room first.

Whatever it has no answer of its own for, it answers as the data frame that it stands for: then all of its columns are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.columns import values_of
from gatebench.analysis.origins import Computed, Given, Origin, Places, Values
from gatebench.analysis.runs import LEAST_ROWS, Runs, side_by_side
from gatebench.analysis.table_columns import Columns

Formula: TypeAlias = "Callable[[pd.DataFrame], Values]"
_NUMBERS: Final = count()


class Rows(pd.DataFrame):
    """Some rows of a table, or all of them; their index is their position in it.

    `places` is a slice where the rows stand side by side (then columns are views), their edges where they do but for a few gaps, else
    the positions in any order.
    """

    def __init__(self, columns: Columns, places: slice | Runs | Places | None = None) -> None:
        ours = object.__setattr__
        places = slice(0, columns.rows) if places is None else places
        ours(self, "_columns", columns)
        ours(self, "_places", places)
        ours(self, "_whole", None)
        ours(self, "_labels", None)
        ours(self, "_reach", None)
        ours(self, "_number", next(_NUMBERS))
        ours(self, "_attrs", {})
        ours(self, "_flags", pd.DataFrame().flags)
        length = places.stop - places.start if isinstance(places, slice) else len(places)
        ours(self, "_length", length)

    _columns: Columns
    _places: slice | Runs | Places
    _length: int
    _reach: tuple[int, int] | None

    @property
    def _mgr(self) -> Any:
        """The frame itself, with all columns: whatever is not answered below needs it."""
        return self.frame()._mgr

    @_mgr.setter
    def _mgr(self, manager: Any) -> None:
        self.frame()._mgr = manager  # type: ignore[attr-defined] # not in the stubs

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return a plain data frame of all columns; made once, and changes to it are changes to these rows."""
        if self._whole is None:
            frame = pd.DataFrame({name: self._values(name) for name in self._columns.names}, index=self._own_index())
            object.__setattr__(self, "_whole", frame)
        return cast(pd.DataFrame, self._whole)

    def define(self, name: str, origin: Origin) -> None:
        """Add a column to the whole table, or put another in the place of one; done before rows are cut out of it."""
        self._columns.define(name, origin)
        object.__setattr__(self, "_whole", None)

    def computed(self, formula: Formula) -> Origin:
        """Return a column of the whole table by its formula, which is asked for some of the rows at a time."""
        columns = self._columns
        return Computed(lambda places: formula(Rows(columns, places)))

    def values_of(self, name: str) -> Values:
        """Return a column as it is kept: a numpy array, or a categorical."""
        return self._values(name) if self._whole is None else values_of(self.frame(), name)

    def taken(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return, of values for the whole table, those of these rows."""
        places = self._places
        if isinstance(places, Runs):
            return np.asarray(places.values(lambda start, stop: values[start:stop]))
        return values[places]

    def with_columns(self, more: Mapping[str, Origin]) -> Rows:
        """Return these rows with further columns, given as those of the whole table."""
        return Rows(self._columns.further(more), self._places)

    def at(self, places: Places) -> Rows:  # type: ignore[override]
        """Return the rows at these positions of these rows."""
        return Rows(self._columns, self._base_places(places))

    @property
    def nbytes(self) -> int:
        """What it takes to know which rows these are."""
        return 0 if isinstance(self._places, slice) else self._places.nbytes

    def __len__(self) -> int:
        return self._length if self._whole is None else len(self.frame())

    @property
    def empty(self) -> bool:
        """Whether there is no row."""
        return len(self) == 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (self._length, len(self._columns.names)) if self._whole is None else self.frame().shape

    @property  # type: ignore[misc] # the positions of rows are not to be set
    def index(self) -> Any:
        """The positions of these rows in their table."""
        return self._own_index() if self._whole is None else self.frame().index

    @property
    def columns(self) -> Any:
        """The names of the columns."""
        return pd.Index(self._columns.names) if self._whole is None else self.frame().columns

    @columns.setter
    def columns(self, names: Any) -> None:
        self.frame().columns = names

    def __contains__(self, name: Any) -> bool:  # type: ignore[misc] # final in the stubs alone
        return name in self._columns.names if self._whole is None else name in self.frame()

    def __getitem__(self, key: Any) -> Any:
        if self._whole is None:
            if isinstance(key, str):
                return pd.Series(self._values(key), index=self._own_index(), name=key, copy=False)
            if isinstance(key, list) and all(isinstance(name, str) for name in key):
                return pd.DataFrame({name: self._values(name) for name in key}, index=self._own_index(), copy=False)
            mask = self._mask(key)
            if mask is not None:
                return self._where(mask)
        return self.frame()[key]

    @property
    def iloc(self) -> Any:
        """The rows by their order."""
        return _ByOrder(self) if self._whole is None else self.frame().iloc

    @property
    def loc(self) -> Any:
        """The rows by what holds of them, or by their positions."""
        return _ByLabel(self) if self._whole is None else self.frame().loc

    def head(self, n: int = 5) -> Any:  # type: ignore[misc] # final in the stubs alone
        """Return the first rows."""
        return self.iloc[:n]

    def copy(self, deep: bool = True) -> Any:  # type: ignore[misc] # final in the stubs alone
        """Return a plain data frame of its own."""
        return self.frame().copy(deep)

    def assign(self, **columns: Any) -> Any:
        """Return these rows with further columns, given as they are."""
        if self._whole is not None or any(callable(values) for values in columns.values()):
            return self.frame().assign(**columns)
        given = {name: self._own(values) for name, values in columns.items()}
        return _Assigned(self, given)

    def sort_values(self, by: Any, *, ascending: Any = True, kind: Any = "quicksort", **more: Any) -> Any:
        """Return the rows in order of one column."""
        if self._whole is not None or more or not isinstance(by, str) or not isinstance(ascending, bool):
            return self.frame().sort_values(by, ascending=ascending, kind=kind, **more)
        ordered = self[by].reset_index(drop=True).sort_values(ascending=ascending, kind=kind)
        return self.at(ordered.index.to_numpy(np.int64))

    def groupby(self, by: Any = None, *args: Any, **more: Any) -> Any:
        """Group by columns; where they are named, those alone that are asked for are read."""
        names = [by] if isinstance(by, str) else by
        if self._whole is None and isinstance(names, list) and all(isinstance(name, str) for name in names):
            return _Grouped(self, by, names, (args, more))
        return self.frame().groupby(by, *args, **more)

    def _own(self, values: Any) -> Values:
        """Return what was given for a column as an array that goes with these rows."""
        if isinstance(values, pd.Series):
            if values.index is not self._own_index() and not values.index.equals(self._own_index()):
                values = values.reindex(self._own_index())
            return values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array
        return np.full(self._length, values) if np.ndim(values) == 0 else np.asarray(values)

    def _own_index(self) -> pd.Index[Any]:
        places = self._places
        if isinstance(places, Runs):
            return cast(
                "pd.Index[Any]", self._columns.shelf.get(("labels", self._number), lambda: pd.Index(places.all()))
            )
        if self._labels is None:
            index = (
                pd.RangeIndex(places.start, places.stop) if isinstance(places, slice) else pd.Index(places, copy=False)
            )
            object.__setattr__(self, "_labels", index)
        return cast("pd.Index[Any]", self._labels)

    def _values(self, name: str) -> Values:
        places, columns = self._places, self._columns
        if isinstance(places, slice):
            return columns.span(name, places.start, places.stop)
        if isinstance(places, Runs):
            found = places.values
            return columns.shelf.get(
                ("cut", self._number, name), lambda: found(lambda start, stop: columns.span(name, start, stop))
            )
        if self._reach is None:
            reach = (int(places.min()), int(places.max()) + 1) if len(places) else (0, 0)
            object.__setattr__(self, "_reach", reach)
        reach = cast("tuple[int, int]", self._reach)
        return columns.shelf.get(("cut", self._number, name), lambda: columns.at(name, places, reach))

    def _mask(self, key: Any) -> npt.NDArray[np.bool_] | None:
        """Return a key as truth values that go with these rows; None when it is none of that kind."""
        if isinstance(key, pd.Series):
            if key.index is not self._own_index() and not key.index.equals(self._own_index()):
                return None
            key = key.to_numpy()
        found = np.asarray(key)
        if found.dtype == object and found.ndim == 1 and len(found) and isinstance(found[0], (bool, np.bool_)):
            found = found.astype(bool)
        return found if found.dtype == np.bool_ and found.shape == (self._length,) else None

    def _where(self, mask: npt.NDArray[np.bool_]) -> Rows:
        chosen = int(np.count_nonzero(mask))
        if chosen == self._length:
            return self
        if isinstance(self._places, slice) and chosen:
            first = int(np.argmax(mask))
            if mask[first : first + chosen].all():
                start = self._places.start + first
                return Rows(self._columns, slice(start, start + chosen))
        if chosen >= LEAST_ROWS and not isinstance(self._places, np.ndarray):
            whole = self._places
            runs = side_by_side(whole.start, whole.stop) if isinstance(whole, slice) else whole
            held = runs.where(mask)
            if held is not None:
                return Rows(self._columns, held)
        return Rows(self._columns, self._base_places(np.flatnonzero(mask)))

    def _base_places(self, places: Places) -> Places:
        if isinstance(self._places, slice):
            return places + self._places.start if self._places.start else places
        return self._places[places]


class _Grouped:
    """Rows grouped by columns that are named; what is asked of other columns is asked of the frame."""

    def __init__(self, rows: Rows, by: Any, names: list[str], options: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        self._rows, self._by, self._names = rows, by, names
        self._args, self._more = options

    def _of(self, frame: pd.DataFrame) -> Any:
        return frame.groupby(self._by, *self._args, **self._more)

    def __getitem__(self, key: Any) -> Any:
        wanted = [key] if isinstance(key, str) else list(key)
        return self._of(self._rows[list(dict.fromkeys([*self._names, *wanted]))])[key]

    def cumcount(self) -> Any:
        """Number each group's rows from 0."""
        return self._of(self._rows[self._names]).cumcount()

    def size(self) -> Any:
        """Count each group's rows."""
        return self._of(self._rows[self._names]).size()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of(self._rows.frame()), name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._of(self._rows.frame()))


class _Assigned(Rows):
    """Rows with columns that are given for them alone."""

    def __init__(self, rows: Rows, given: Mapping[str, Values], places: Places | slice | None = None) -> None:
        super().__init__(rows._columns, rows._places if places is None else places)
        object.__setattr__(self, "_given", dict(given))

    _given: dict[str, Values]

    def frame(self) -> pd.DataFrame:
        if self._whole is None:
            frame = super().frame()
            for name, values in self._given.items():
                frame[name] = values
        return super().frame()

    def with_columns(self, more: Mapping[str, Origin]) -> Rows:
        return _Assigned(super().with_columns(more), self._given)

    def __contains__(self, name: Any) -> bool:  # type: ignore[misc] # final in the stubs alone
        return name in self._given or super().__contains__(name)

    def assign(self, **columns: Any) -> Any:
        if self._whole is not None or any(callable(values) for values in columns.values()):
            return self.frame().assign(**columns)
        return _Assigned(self, {**self._given, **{name: self._own(values) for name, values in columns.items()}})

    def at(self, places: Places) -> Rows:  # type: ignore[override]
        """Return the rows at these positions of these rows, with what was given for them."""
        given = {name: values[places] for name, values in self._given.items()}
        return _Assigned(self, given, self._base_places(places))

    def _values(self, name: str) -> Values:
        return self._given[name] if name in self._given else super()._values(name)

    def _where(self, mask: npt.NDArray[np.bool_]) -> Rows:
        return self if mask.all() else self.at(np.flatnonzero(mask))


class _ByOrder:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __getitem__(self, key: Any) -> Any:
        rows = self._rows
        if isinstance(key, slice):
            return rows.at(np.arange(len(rows))[key])
        if isinstance(key, (int, np.integer)):
            return rows.at(np.array([range(len(rows))[int(key)]])).frame().iloc[0]
        found = np.asarray(key)
        if found.dtype == np.bool_:
            found = np.flatnonzero(found)
        if found.ndim == 1 and (found.dtype.kind in "iu" or not len(found)):
            found = found.astype(np.int64, copy=False)
            return rows.at(np.where(found < 0, found + len(rows), found) if (found < 0).any() else found)
        return rows.frame().iloc[key]


class _ByLabel:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __getitem__(self, key: Any) -> Any:
        rows = self._rows
        chosen, name = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        if name is None or isinstance(name, str):
            mask = rows._mask(chosen) if not isinstance(chosen, slice) else None
            if mask is not None:
                found = rows._where(mask)
                return found if name is None else found[name]
            if name is not None and isinstance(chosen, slice) and chosen == slice(None):
                return rows[name]
        return rows.frame().loc[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._rows.frame().loc[key] = value


def put(rows: pd.DataFrame, name: str, values: Values) -> None:
    """Add a column to a whole table."""
    if isinstance(rows, Rows):
        rows.define(name, Given(values))
    else:
        rows[name] = values


def compute(rows: pd.DataFrame, name: str, formula: Formula) -> None:
    """Add a column to a whole table by its formula: at once, or of rows that are read when asked, then."""
    if isinstance(rows, Rows):
        rows.define(name, rows.computed(formula))
    else:
        rows[name] = formula(rows)
