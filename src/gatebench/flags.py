"""Flags of a gateway: how it is to route from now on, as a fault of a scenario says it and as the gateway reads it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FLAGS_FILE: Final = "flags.json"
"""Where a target that declares the capability `flags` reads them: beside its rendered files."""


def pairs(text: str) -> dict[str, str]:
    """Return what `a=x,b=y` says of each name. Raises ValueError."""
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, said = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not said or name in found:
            raise ValueError(f'"{part}" says nothing of a name; write NAME=…, each name once')
        found[name] = said
    return found


def weights(text: str) -> dict[str, float]:
    """Return the weights of `provider-a=90,provider-b=10`; what is left out has none. Raises ValueError."""
    found: dict[str, float] = {}
    for name, said in pairs(text).items():
        try:
            found[name] = float(said)
        except ValueError:
            found[name] = math.nan
        if not 0 <= found[name] < math.inf:
            raise ValueError(f'"{name}={said}" is no weight; write NAME=NUMBER with a number of at least 0')
    if found and not sum(found.values()):
        raise ValueError(f'the weights "{text}" add up to nothing; give at least one above 0')
    return found


@dataclass(frozen=True)
class Flags:
    """`weights` replace the configured ones, `tenants` are served by the provider that is named, and a `rollback` sends
    everybody to the first provider. Nothing said is nothing changed.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    tenants: Mapping[str, str] = field(default_factory=dict)
    rollback: bool = False

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> Flags:
        """Return what the parameters of a fault say: `weights`, `tenants` and `rollback`. Raises ValueError."""
        return cls(
            weights(str(parameters.get("weights", ""))),
            pairs(str(parameters.get("tenants", ""))),
            bool(parameters.get("rollback", 0)),
        )

    def text(self) -> str:
        """Return the JSON that a gateway reads; a tenant has its provider as the only one with a weight."""
        said: dict[str, object] = {"rollback": self.rollback}
        if self.weights:
            said["weights"] = dict(self.weights)
        if self.tenants:
            said["tenants"] = {tenant: {provider: 1} for tenant, provider in self.tenants.items()}
        return json.dumps(said)
