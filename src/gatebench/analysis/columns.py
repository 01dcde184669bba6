"""Takes columns out of tables as plain arrays, without needing pandas to be loaded first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gatebench.stats import Floats

if TYPE_CHECKING:
    import pandas as pd


def numbers(column: pd.Series[Any]) -> Floats:
    """Return a column as floats."""
    return cast("Floats", column.to_numpy(dtype=np.float64))


def flags(column: pd.Series[Any]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return a column of truth values as an array."""
    return cast("np.ndarray[tuple[int], np.dtype[np.bool_]]", column.to_numpy(dtype=np.bool_))
