"""A limiter that is set to let all pass when its store fails lets nobody pass."""

from __future__ import annotations


def spoil() -> None:
    """What it is set to is not looked at."""
    from typing import Any

    from targets.reference.refgate.stages.limiter import Limiter

    begin = Limiter.__init__

    def closed(self: Limiter, *parts: Any) -> None:
        begin(self, *parts)
        self._open = False

    Limiter.__init__ = closed  # type: ignore[method-assign,assignment]
