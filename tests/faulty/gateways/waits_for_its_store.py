"""A store that is slow is waited for, however long it takes."""

from __future__ import annotations


def spoil() -> None:
    """The time that a store may take is a minute."""
    from typing import Any

    from targets.reference.refgate.cache.bounded import BoundedStore

    begin = BoundedStore.__init__

    def patient(self: BoundedStore, *parts: Any, **options: Any) -> None:
        begin(self, *parts, **options)
        self._timeout_s = 60.0

    BoundedStore.__init__ = patient  # type: ignore[method-assign]
