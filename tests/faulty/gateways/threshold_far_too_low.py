"""A semantic cache takes whatever is half alike for the same."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """The threshold is 0.5, whatever it is set to."""
    from targets.reference.refgate.cache.semantics import Semantics

    begin = Semantics.__init__

    def lenient(self: Semantics, *parts: Any, **options: Any) -> None:
        begin(self, *parts, **{**options, "threshold": 0.5})

    Semantics.__init__ = lenient  # type: ignore[method-assign]
