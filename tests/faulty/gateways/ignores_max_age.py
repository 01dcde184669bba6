"""Resources are served for twice as long as their origin allows."""

from __future__ import annotations


def spoil() -> None:
    """The lifetime that was read is doubled."""
    from dataclasses import replace
    from typing import Any

    from targets.reference.refgate.cache import http_cache
    from targets.reference.refgate.cache.http_rules import lifetime

    def doubled(*answer: Any) -> Any:
        read = lifetime(*answer)
        return replace(read, fresh_s=2 * read.fresh_s)

    vars(http_cache)["lifetime"] = doubled
