"""A provider that failed a request is asked again at once, without a pause."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """The pause is nothing."""
    from targets.reference.refgate import failover

    def none(*_: Any, **__: Any) -> float:
        return 0.0

    failover.full_jitter_s = none
