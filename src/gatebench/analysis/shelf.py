"""Keeps what was read, as long as there is room for it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

SHELF_BYTES: Final = 300_000_000
_LEAST_BYTES: Final = 1 << 20
_LEAST_S: Final = 1e-4


class _Kept(NamedTuple):
    values: Any
    size: int
    cost: float
    worth: float


class Shelf:
    """Keeps columns, and what was made of them, as long as there is room for them.

    What makes room is what was not used for long, takes much of it and is soon had again: an answer's worth is that of the last one
    that went plus the time that its source took ÷ its size (GreedyDual-Size: Cao and Irani, "Cost-aware WWW proxy caching algorithms",
    USENIX 1997); of equal ones the one that was not used for longest goes.
    """

    def __init__(self, most: int = SHELF_BYTES, clock: Callable[[], float] = time.perf_counter) -> None:
        self.most, self.used, self._clock = most, 0, clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._gone = 0.0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def drop(self, key: Hashable) -> None:
        """Forget what is kept under a key, if anything is."""
        if key in self._kept:
            self.used -= self._kept.pop(key).size

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.used = 0

    def get(self, key: Hashable, source: Callable[[], Any]) -> Any:
        """Return what is kept under a key, made by its source when it is not there."""
        kept = self._kept.pop(key, None)
        if kept is None:
            began = self._clock()
            values = source()
            cost = max(self._clock() - began, _LEAST_S)
            size = _size(values)
            self.used += size
        else:
            values, size, cost, _ = kept
        while self.used > self.most and self._kept:
            least = min(self._kept, key=lambda one: self._kept[one].worth)
            self._gone = self._kept[least].worth
            self.drop(least)
        self._kept[key] = _Kept(values, size, cost, self._gone + cost / max(size, _LEAST_BYTES))
        return values


def _size(values: Any) -> int:
    """Return the bytes of arrays, and of several together; what is no array says its `nbytes` itself, or counts for nothing."""
    return sum(map(_size, values)) if isinstance(values, tuple) else int(getattr(values, "nbytes", 0))
