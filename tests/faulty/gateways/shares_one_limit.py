"""All tenants are counted together: a flood of one takes what is the others'."""

from __future__ import annotations


def spoil() -> None:
    """The store counts everybody under one name."""
    from targets.reference.refgate.limits.memory import MemoryStore

    own = MemoryStore._of
    MemoryStore._of = lambda self, client, limit: own(self, "everybody", limit)  # type: ignore[method-assign]
