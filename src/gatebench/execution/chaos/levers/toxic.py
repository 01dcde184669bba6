"""Puts a toxic on a link."""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.lever import Cleared
from gatebench.execution.toxiproxy.client import Engine
from gatebench.faults import Value
from gatebench.plan import PlannedFault


class ToxicLever:
    """A toxic on a link."""

    def __init__(self, fault: PlannedFault, engine: Engine) -> None:
        self._fault = fault
        self._engine = engine

    def apply(self, ttl_ns: int) -> int:
        """Put the toxic on the link."""
        definition = self._fault.definition
        return self._engine.add_toxic(
            self._fault.on,
            self._fault.id,
            definition.mechanism.removeprefix("toxic."),
            definition.stream,
            self._attributes(self._fault.initial),
            toxicity=float(self._fault.initial["toxicity"]),
            ttl_ms=ttl_ns // 1_000_000,
        )

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Give the toxic other values."""
        return self._engine.change_toxic(
            self._fault.on,
            self._fault.id,
            self._attributes(parameters),
            toxicity=float(parameters["toxicity"]),
            ttl_ms=ttl_ns // 1_000_000,
        )

    def _attributes(self, parameters: Mapping[str, Value]) -> dict[str, int | float]:
        return {key: _number(parameters[key]) for key in self._fault.definition.parameters}

    def clear(self) -> Cleared:
        """Take the toxic off the link."""
        at_ns = self._engine.remove_toxic(self._fault.on, self._fault.id)
        try:
            return Cleared(at_ns, self._engine.hits(self._fault.on, self._fault.id))
        except EnvironmentFailure:
            return Cleared(at_ns)  # a count is no reason to say that it is still on


def _number(value: Value) -> int | float:
    """Return an attribute as the engine takes it: whole where it is whole."""
    number = float(value)
    return int(number) if number.is_integer() else number
