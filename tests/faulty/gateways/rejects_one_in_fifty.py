"""One request in fifty is refused whatever its tenant has left."""

from __future__ import annotations


def spoil() -> None:
    """Each fiftieth question is answered with a refusal, and takes nothing."""
    from itertools import count

    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    own, numbers = MemoryStore.admit, count(1)

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        if next(numbers) % 50 == 0:
            return Admission(False, 0.1, 0, 0.1)
        return await own(self, client, limit, cost)

    MemoryStore.admit = admit  # type: ignore[method-assign]
