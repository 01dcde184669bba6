"""However many requests are with a provider, the next one goes there too."""

from __future__ import annotations


def spoil() -> None:
    """No bulkhead is ever full."""
    from targets.reference.refgate.bulkhead import Bulkhead

    Bulkhead.is_full = lambda self: False  # type: ignore[method-assign]
