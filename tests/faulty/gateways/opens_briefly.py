"""The breaker stays open for a tenth of the time that it is told."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """The open time is another."""
    from targets.reference.refgate.breaker import Breaker

    begin = Breaker.__init__

    def told(self: Breaker, *window: Any, open_s: float, **rest: Any) -> None:
        begin(self, *window, open_s=0.1 * open_s, **rest)

    Breaker.__init__ = told  # type: ignore[method-assign]
