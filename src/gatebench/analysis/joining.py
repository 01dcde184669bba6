"""Joins requests and attempts: by the request id that an attempt carried, and by the stamp that an answer bears."""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.columns import codes_of, is_any, parts, tally, values_of, words_of
from gatebench.analysis.rows import put
from gatebench.sample import NO_ARRIVAL
from gatebench.stamp import KINDS

_SPARE: Final = 1 << 20


def _keys(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return one number for each request id: arrival (32 bits), ordinal (16 bits), kind."""
    arrival, ordinal = values_of(rows, "arrival_id").astype(np.int64), values_of(rows, "ordinal").astype(np.int64)
    kind = codes_of(values_of(rows, "kind"), KINDS).astype(np.int64) & 0xF
    return cast("npt.NDArray[np.int64]", (arrival << 20) | (ordinal << 4) | kind)


def join(samples: pd.DataFrame, attempts: pd.DataFrame) -> None:
    """Join attempts to samples by request id: `sample` there, `attempts` and `completed` here."""
    position = _positions(samples, attempts)
    put(attempts, "sample", position)
    completed = is_any(values_of(attempts, "end"), ("completed",))
    put(samples, "attempts", tally(position, len(samples)))
    put(samples, "completed", tally(np.where(completed, position, np.int32(-1)), len(samples)))


def _positions(samples: pd.DataFrame, attempts: pd.DataFrame) -> npt.NDArray[np.int32]:
    """Return for each attempt the position of the first row with its request id, -1 for none."""
    n, arrivals = len(samples), values_of(samples, "arrival_id")
    dense = n > 0 and int(arrivals.max()) < 2 * n + _SPARE and not values_of(samples, "ordinal").any()
    if dense and int(tally(arrivals, int(arrivals.max()) + 1).max()) == 1:
        return _by_arrival(samples, attempts)
    keys, wanted = _keys(samples), _keys(attempts)
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], wanted)
    inside = place < len(keys)
    found = np.zeros(len(wanted), dtype=bool)
    found[inside] = keys[order][place[inside]] == wanted[inside]
    found &= values_of(attempts, "arrival_id") != NO_ARRIVAL
    position = np.full(len(wanted), -1, dtype=np.int32)
    position[found] = order[place[found]]
    return position


def _by_arrival(samples: pd.DataFrame, attempts: pd.DataFrame) -> npt.NDArray[np.int32]:
    """Return the same where every arrival has one row: then its number leads there, and nothing has to be sorted."""
    arrivals = values_of(samples, "arrival_id")
    table = np.full(int(arrivals.max()) + 2, -1, np.int32)
    for part in parts(len(samples)):
        table[arrivals[part]] = np.arange(part.start, part.stop, dtype=np.int32)
    kinds = codes_of(values_of(samples, "kind"), KINDS)
    wanted, ordinal = values_of(attempts, "arrival_id"), values_of(attempts, "ordinal")
    kind = codes_of(values_of(attempts, "kind"), KINDS)
    position = np.empty(len(attempts), np.int32)
    for part in parts(len(attempts)):
        place = table[np.minimum(wanted[part], len(table) - 1)]
        same = (place >= 0) & (ordinal[part] == 0) & (kinds[place] == kind[part]) & (wanted[part] != NO_ARRIVAL)
        position[part] = np.where(same, place, -1)
    return position


def makers(samples: pd.DataFrame, attempts: pd.DataFrame) -> npt.NDArray[np.int32]:
    """Return for each sample the position of the attempt that its stamp names, -1 for none."""
    number, wanted = values_of(attempts, "attempt"), values_of(samples, "attempt")
    most = int(number.max()) if len(number) else 0
    where, named = values_of(attempts, "provider"), values_of(samples, "provider")
    if most > 2 * len(number) + _SPARE or most > np.iinfo(np.int32).max:
        return _makers_by_name(samples, attempts)
    found = np.full(len(samples), -1, np.int32)
    for provider in words_of(named):
        own = np.flatnonzero(is_any(where, (provider,)))[::-1]  # of two with one number the first counts
        table = np.full(most + 2, -1, np.int32)
        for part in parts(len(own)):
            table[number[own[part]]] = own[part]
        mine = is_any(named, (provider,))
        for part in parts(len(samples)):
            theirs = mine[part]
            found[part][theirs] = table[np.minimum(wanted[part][theirs], most + 1)]
    return found


def _makers_by_name(samples: pd.DataFrame, attempts: pd.DataFrame) -> npt.NDArray[np.int32]:
    """Return the same where numbers are strewn too widely for a table."""
    made = _named(attempts)
    first = ~made.duplicated()
    found = np.append(np.flatnonzero(first), -1)[made[first].get_indexer(_named(samples))]
    found[samples["provider"].isna().to_numpy()] = -1
    return found.astype(np.int32)


def _named(rows: pd.DataFrame) -> pd.MultiIndex:
    """Return what names an attempt: its provider and its ordinal there."""
    return pd.MultiIndex.from_arrays([rows["provider"].astype(str), rows["attempt"].astype(np.int64)])
