"""An open breaker lets every twentieth request through."""

from __future__ import annotations

from itertools import count


def spoil() -> None:
    """Every twentieth refusal is none."""
    from targets.reference.refgate.breaker import Breaker, Permit

    admit, refusals = Breaker.admit, count(1)

    def leaks(self: Breaker) -> Permit | None:
        permit = admit(self)
        return Permit(-1) if permit is None and next(refusals) % 20 == 0 else permit

    Breaker.admit = leaks  # type: ignore[method-assign]
