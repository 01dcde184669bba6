"""A chart: what the page draws, the data behind it, and the words that stand beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

NOBODY: Final = "nobody"

Column = list[Any] | dict[str, Any]


@dataclass(frozen=True)
class Data:
    """One table behind a chart, a CSV of its own. `columns` are plain lists, or words with their codes."""

    name: str
    columns: Mapping[str, Column]

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        first: Column = next(iter(self.columns.values()), [])
        return len(first["codes"] if isinstance(first, dict) else first)


@dataclass(frozen=True)
class Chart:
    """`kind` names the drawing in `charts.js`; `label` says to somebody who cannot see it what there is to see.

    `facts` are what the drawing needs beside the data. `switches` are the choices that a reader has, such as the scale of an axis.
    """

    id: str
    kind: str
    title: str
    caption: str
    label: str
    data: tuple[Data, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class NoChart:
    """A chart that cannot be drawn, and why; its `id` is empty."""

    title: str
    why: str
    id: str = ""


@dataclass(frozen=True)
class Coded:
    """A column of words as positions in the list of the words."""

    words: list[str]
    codes: npt.NDArray[np.int64]


def coded(values: pd.Series[Any], known: Sequence[str]) -> Coded:
    """Return a text column as codes: the `known` words first, in their order, then whatever else occurs."""
    codes, unique = pd.factorize(values, use_na_sentinel=False)
    found = [str(word) for word in unique]
    listed = [*known, *sorted(set(found) - set(known))]
    places = {word: place for place, word in enumerate(listed)}
    of_found = np.array([places[word] for word in found], dtype=np.int64)
    return Coded(listed, of_found[codes])


def decimals(values: npt.ArrayLike, digits: int) -> list[float | None]:
    """Return floats rounded to `digits`, and None for what is not a finite number."""
    rounded = np.round(np.asarray(values, dtype=np.float64), digits)
    return [value if math.isfinite(value) else None for value in rounded.tolist()]


def words(column: pd.Series[Any]) -> dict[str, Any]:
    """Return a text column as codes into the words that occur; a missing word is "nobody"."""
    codes, found = pd.factorize(column.astype(object).where(column.notna(), NOBODY))
    return {"words": [str(word) for word in found], "codes": codes.tolist()}


def column(values: pd.Series[Any]) -> Column:
    """Return any column of a frame: numbers as they are, everything else as words."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return decimals(values, 6)
    return words(values)
