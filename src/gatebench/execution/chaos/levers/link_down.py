"""Takes a link down."""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.execution.chaos.lever import Cleared
from gatebench.execution.toxiproxy.client import Engine
from gatebench.faults import Value
from gatebench.plan import PlannedFault


class LinkDownLever:
    """A link that refuses and drops connections."""

    def __init__(self, fault: PlannedFault, engine: Engine) -> None:
        self._fault = fault
        self._engine = engine

    def apply(self, ttl_ns: int) -> int:
        """Take the link down."""
        return self._engine.take_down(self._fault.on, ttl_ns // 1_000_000)

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Down is down: there is nothing to change but its end."""
        return self.apply(ttl_ns)

    def clear(self) -> Cleared:
        """Bring the link up."""
        return Cleared(self._engine.bring_up(self._fault.on))
