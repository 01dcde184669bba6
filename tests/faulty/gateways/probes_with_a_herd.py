"""A half-open breaker lets everybody through until the first verdict."""

from __future__ import annotations


def spoil() -> None:
    """Whoever asks a half-open breaker is one more probe."""
    from targets.reference.refgate.breaker import Breaker, Permit, State

    admit = Breaker.admit

    def admits_all(self: Breaker) -> Permit | None:
        permit = admit(self)
        if permit is None and self.state is State.HALF_OPEN:
            permit = Permit(self._generation)
            self._probing[permit] = False
        return permit

    Breaker.admit = admits_all  # type: ignore[method-assign]
