"""What several gateways with a faulty limiter have in common."""

from __future__ import annotations

from collections.abc import Callable

from targets.reference.refgate.errors import make_error
from targets.reference.refgate.limits.limit import Algorithm, Limit
from targets.reference.refgate.limits.memory import MemoryStore
from targets.reference.refgate.stages import limiter


def count_otherwise(change: Callable[[str, Limit], Limit]) -> None:
    """Have every client counted by another limit than its own."""
    own = MemoryStore._of

    def of(self: MemoryStore, client: str, limit: Limit) -> Algorithm:
        return own(self, client, change(client, limit))

    MemoryStore._of = of  # type: ignore[method-assign]


def tell_otherwise(change: Callable[[float], float]) -> None:
    """Have the refusals name another wait."""

    def told(*said, retry_after_s: float, **more):  # type: ignore[no-untyped-def]
        return make_error(*said, retry_after_s=change(retry_after_s), **more)

    setattr(limiter, "make_error", told)  # noqa: B010 - a name that the module imports and does not export
