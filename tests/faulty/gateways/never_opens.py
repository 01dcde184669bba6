"""The breaker counts failures and never opens: every request asks the dead provider first."""

from __future__ import annotations


def spoil() -> None:
    """A failure is not noted."""
    from targets.reference.refgate.breaker import Breaker

    Breaker.failed = Breaker.released  # type: ignore[method-assign]
