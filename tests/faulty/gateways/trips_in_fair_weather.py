"""The breaker opens for a provider that is well: every hundredth good answer is taken for the last failure."""

from __future__ import annotations

from itertools import count


def spoil() -> None:
    """Some successes open the breaker."""
    from targets.reference.refgate.breaker import Breaker, Permit, State

    succeeded, answers = Breaker.succeeded, count(1)

    def trip(self: Breaker, permit: Permit, took_s: float = 0.0) -> None:
        succeeded(self, permit, took_s)
        if next(answers) % 100 == 0 and self.state is State.CLOSED:
            self._open()

    Breaker.succeeded = trip  # type: ignore[method-assign]
