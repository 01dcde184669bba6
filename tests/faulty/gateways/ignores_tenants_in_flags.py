"""Flags that name a tenant are read and not followed; weights are."""

from __future__ import annotations


def spoil() -> None:
    """What flags say of tenants is left out."""
    from targets.reference.refgate.routing.flags import Flags, FlagsFile

    current = FlagsFile.current

    def without_tenants(self: FlagsFile) -> Flags:
        said = current(self)
        return Flags(rollback=said.rollback, weights=said.weights)

    FlagsFile.current = without_tenants  # type: ignore[method-assign]
