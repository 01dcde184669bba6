"""A half-open breaker closes after a probe that failed, and has to learn everything anew."""

from __future__ import annotations


def spoil() -> None:
    """A probe closes it whatever came of it."""
    from targets.reference.refgate.breaker import Breaker, Permit, State

    failed = Breaker.failed

    def closes(self: Breaker, permit: Permit) -> None:
        if permit in self._probing:
            self._become(State.CLOSED)
        else:
            failed(self, permit)

    Breaker.failed = closes  # type: ignore[method-assign]
