"""When one provider's breaker opens, all do: those of providers that are well too."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """All breakers open together."""
    from targets.reference.refgate.breaker import Breaker, State

    begin, open_one = Breaker.__init__, Breaker._open
    everybody: list[Breaker] = []

    def listed(self: Breaker, *arguments: Any, **facts: Any) -> None:
        begin(self, *arguments, **facts)
        everybody.append(self)

    def together(self: Breaker) -> None:
        for breaker in everybody:
            if breaker is self or breaker.state is State.CLOSED:
                open_one(breaker)

    Breaker.__init__ = listed  # type: ignore[method-assign]
    Breaker._open = together  # type: ignore[method-assign]
