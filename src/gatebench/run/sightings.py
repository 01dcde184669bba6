"""Counts how often a provider had seen a request id, where several processes behind its name, or lives of one, each saw a part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

import numpy as np
import pyarrow as pa

_MOST: Final = 0xFFFF
_IDENTITY: Final = ("provider", "arrival_id", "ordinal", "kind")


def seen_anew(attempts: pa.Table, providers: Collection[str]) -> pa.Table:
    """Return `attempts`, in order of arrival, with the column `seen` counted over all processes of `providers`.

    Attempts without a request id keep their 0, and those of other providers what their one process counted.
    """
    if not providers or not attempts.num_rows:
        return attempts
    seen = attempts.column("seen").to_pylist()
    counts: Counter[tuple[object, ...]] = Counter()
    rows = zip(*(attempts.column(name).to_pylist() for name in _IDENTITY), strict=True)
    for place, row in enumerate(rows):
        if seen[place] and row[0] in providers:
            counts[row] += 1
            seen[place] = min(counts[row], _MOST)
    # From a buffer: Arrow's own conversion imports pandas.
    column = pa.Array.from_buffers(pa.uint16(), len(seen), [None, pa.py_buffer(np.array(seen, np.uint16))])
    return attempts.set_column(attempts.schema.get_field_index("seen"), "seen", column)
