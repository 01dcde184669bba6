"""It is set to coalesce, and lets everybody fetch who comes during a fetch."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """The setting is ignored."""
    from targets.reference.refgate.cache.serving import Serving

    begin = Serving.__init__

    def alone(self: Serving, *stores: Any, **options: Any) -> None:
        begin(self, *stores, **{**options, "coalescing": False})

    Serving.__init__ = alone  # type: ignore[method-assign]
