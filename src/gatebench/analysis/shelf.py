"""Keeps what was read, as long as there is room for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

SHELF_BYTES: Final = 350_000_000


class Shelf:
    """Keeps columns, and what was made of them, as long as there is room for them; those that were not used for longest go first."""

    def __init__(self, most: int = SHELF_BYTES) -> None:
        self.most, self.used = most, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def drop(self, key: Hashable) -> None:
        """Forget what is kept under a key, if anything is."""
        if key in self._kept:
            self.used -= _size(self._kept.pop(key))

    def get(self, key: Hashable, source: Callable[[], Any]) -> Any:
        """Return what is kept under a key, made by its source when it is not there."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = source()
        self._kept[key] = found
        self.used += _size(found)
        while self.used > self.most and len(self._kept) > 1:
            self.used -= _size(self._kept.popitem(last=False)[1])
        return found


def _size(values: Any) -> int:
    """Return the bytes of arrays, and of several together; what is no array says its `nbytes` itself, or counts for nothing."""
    return sum(map(_size, values)) if isinstance(values, tuple) else int(getattr(values, "nbytes", 0))
