"""Takes columns out of tables as plain arrays, without needing pandas to be loaded first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt

from gatebench.sample import NEVER
from gatebench.stats import Floats

Flags = npt.NDArray[np.bool_]
_NEAR: Final = 8
_Number = TypeVar("_Number", bound=np.generic)

if TYPE_CHECKING:
    import pandas as pd


def numbers(column: pd.Series[Any]) -> Floats:
    """Return a column as floats."""
    return cast("Floats", column.to_numpy(dtype=np.float64))


def flags(column: pd.Series[Any]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return a column of truth values as an array."""
    return cast("np.ndarray[tuple[int], np.dtype[np.bool_]]", column.to_numpy(dtype=np.bool_))


def values_of(rows: pd.DataFrame, name: str) -> Any:
    """Return a column as it is kept: a numpy array, or a categorical."""
    kept = getattr(type(rows), "values_of", None)
    if kept is not None:  # rows that are read when asked for: no labels are needed for their values
        return kept(rows, name)
    column = rows[name]
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def is_any(values: Any, words: Sequence[str]) -> Flags:
    """Tell which values of a column of text are among some words; of a categorical without looking at any text."""
    codes = getattr(values, "codes", None)
    if codes is None:
        return np.isin(np.asarray(values).astype(str), list(words))
    found = np.zeros(len(codes), np.bool_)
    for code, word in enumerate(values.categories):
        if word in words:
            found |= codes == code
    return found


def codes_of(values: Any, words: Sequence[str]) -> npt.NDArray[np.int8]:
    """Return a column of text as places in a list of words, -1 for others."""
    codes, found = getattr(values, "codes", None), getattr(values, "categories", ())
    if codes is None:
        found, codes = np.unique(np.asarray(values).astype(str), return_inverse=True)
    listed = list(words)
    places = np.array([*(listed.index(word) if word in listed else -1 for word in found), -1], np.int8)
    return np.asarray(places[codes])


def numbered(values: Any) -> tuple[npt.NDArray[np.signedinteger[Any]], int]:
    """Return a column of text as numbers, -1 where there is none, and how many texts there may be."""
    import pandas as pd

    categories = getattr(values, "categories", None)
    if categories is not None:
        return values.codes, len(categories)
    codes, found = pd.factorize(values)
    return codes, len(found)


def worded(codes: npt.NDArray[Any], words: Sequence[str]) -> pd.Categorical[Any]:
    """Return a column of text from places in a list of words, -1 for none."""
    import pandas as pd

    return pd.Categorical.from_codes(cast(Any, codes), dtype=pd.CategoricalDtype(list(words)))


def words_of(values: Any) -> list[str]:
    """Return the words that may occur in a column of text."""
    categories = getattr(values, "categories", None)
    found = values[pd_notna(values)] if categories is None else categories
    return [str(word) for word in dict.fromkeys(found)]


def pd_notna(values: Any) -> Flags:
    """Tell which values are there."""
    codes = getattr(values, "codes", None)
    if codes is not None:
        return np.asarray(codes >= 0)
    import pandas as pd

    return np.asarray(pd.notna(values))


def own(rows: pd.DataFrame, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return, of values for the whole table, those of these rows."""
    taken = getattr(type(rows), "taken", None)
    return np.asarray(values[rows.index] if taken is None else taken(rows, values))


def positions(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the positions of rows in their table; those side by side are counted, for pandas would keep them for good."""
    return _counted(rows.index).astype(np.int64, copy=False)


def _side_by_side(labels: Any) -> bool:
    return getattr(labels, "step", None) == 1


def _counted(labels: Any) -> npt.NDArray[Any]:
    return np.arange(labels.start, labels.stop) if _side_by_side(labels) else np.asarray(labels)


def is_ascending(values: npt.NDArray[Any]) -> bool:
    """Tell whether no value is smaller than the one before it."""
    return all((values[part][1:] >= values[part][:-1]).all() for part in overlapping(len(values)))


def moments(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the moments of a column that took place, in ascending order."""
    took_place = values != NEVER
    found = values if took_place.all() else values[took_place]
    return found if is_ascending(found) else np.sort(found)


def tally(places: npt.NDArray[Any], rows: int) -> npt.NDArray[np.int32]:
    """Return how often each row of a table occurs among positions, of which -1 is none."""
    found = np.zeros(rows, np.int32)
    for part in parts(len(places)):
        own = places[part]
        own = own[own >= 0]
        if not len(own):
            continue
        low, high = int(own.min()), int(own.max()) + 1
        if high - low <= _NEAR * len(own):  # neighbours ask for neighbours, as a rule
            found[low:high] += np.bincount(own - low, minlength=high - low).astype(np.int32)
        else:
            np.add.at(found, own, 1)
    return found


def among(rows: pd.DataFrame, labels: Any) -> npt.NDArray[np.bool_]:
    """Tell which rows have one of these positions (-1 is none), as `rows.index.isin(labels)` does, without hashing them."""
    return belong(rows.index, labels)


def belong(values: Any, wanted: Any) -> npt.NDArray[np.bool_]:
    """Tell which values, positions in a table or -1, are among those wanted."""
    if _side_by_side(wanted):
        asked = _counted(values)
        return cast("npt.NDArray[np.bool_]", (asked >= wanted.start) & (asked < wanted.stop))
    chosen = np.asarray(wanted)
    chosen = chosen[chosen >= 0].astype(np.int64, copy=False)
    if _side_by_side(values):  # positions, of which nothing is to be looked up
        found = np.zeros(len(values), np.bool_)
        here = chosen - values.start
        found[here[(here >= 0) & (here < len(values))]] = True
        return found
    asked = np.asarray(values)
    if not len(asked) or not len(chosen):
        return np.zeros(len(asked), np.bool_)
    marked = np.zeros(max(int(chosen.max()), int(asked.max()), 0) + 2, np.bool_)
    marked[chosen] = True
    return cast("npt.NDArray[np.bool_]", marked[asked])  # -1, no position, is the last, which is never marked


def pieced(rows: int, formula: Callable[[slice], npt.NDArray[_Number]]) -> npt.NDArray[_Number]:
    """Return a column that a formula gives part by part, so that what is computed in between stays in a processor's cache."""
    found: npt.NDArray[_Number] | None = None
    for part in parts(rows):
        values = formula(part)
        if len(values) == rows:
            return values
        found = np.empty(rows, values.dtype) if found is None else found
        found[part] = values
    return formula(slice(0, 0)) if found is None else found


def overlapping(rows: int) -> Iterator[slice]:
    """Yield a table's rows in parts that share a row with their neighbours, so that every step from one row to the next is in one."""
    for part in parts(rows):
        yield slice(max(0, part.start - 1), part.stop)


def parts(rows: int, most: int = 1 << 19) -> Iterator[slice]:
    """Yield a table's rows in parts that fit a processor's cache, so that what is computed in between stays small."""
    for start in range(0, rows, most):
        yield slice(start, min(rows, start + most))
