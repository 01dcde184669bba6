"""The limiter forgets everything each second, as one does that is restarted over and over: budgets are full again."""

from __future__ import annotations


def spoil() -> None:
    """The memory of all clients is emptied when a second is over."""
    from targets.reference.refgate.limits.limit import Algorithm, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    own = MemoryStore._of

    def of(self: MemoryStore, client: str, limit: Limit) -> Algorithm:
        second = int(self._clock())
        if second != getattr(self, "second", second):
            self._clients.clear()
        setattr(self, "second", second)  # noqa: B010 - the class knows no such attribute
        return own(self, client, limit)

    MemoryStore._of = of  # type: ignore[method-assign]
