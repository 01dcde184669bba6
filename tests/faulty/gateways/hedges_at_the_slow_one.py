"""A hedge goes to the provider that is slow already."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any


def spoil() -> None:
    """The other attempt is made at the same provider."""
    from targets.reference.refgate.answer import Outgoing
    from targets.reference.refgate.failover import Failover
    from targets.reference.refgate.provider import Provider

    def same(
        self: Failover, providers: Sequence[Provider], asked: Provider, outgoing: Outgoing, deadline_s: float
    ) -> Coroutine[Any, Any, Any] | None:
        permit = asked.enter() if self._hedges.has_one() else None
        if permit is None:
            return None
        self._hedges.spend()
        return self._try(asked, permit, outgoing, deadline_s, first=False)

    Failover._another = same  # type: ignore[method-assign]
