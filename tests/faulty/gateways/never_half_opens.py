"""An open breaker stays open: the provider that is back is never asked again."""

from __future__ import annotations


def spoil() -> None:
    """Nobody is ever admitted to an open breaker."""
    from targets.reference.refgate.breaker import Breaker

    Breaker.wait_s = lambda self: float("inf") if self.state.value == "open" else 0.0  # type: ignore[method-assign]
    admit = Breaker.admit
    Breaker.admit = lambda self: None if self.state.value == "open" else admit(self)  # type: ignore[method-assign]
