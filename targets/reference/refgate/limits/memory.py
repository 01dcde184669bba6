"""Limits in this process: nothing is shared with other replicas, and nothing outlives a restart."""

from __future__ import annotations

from collections.abc import Callable

from .algorithms import ALGORITHMS, Name
from .limit import Admission, Algorithm, Limit

_LEAST_SWEPT = 1024


class MemoryStore:
    """The limits of many clients. Those that are as good as new are forgotten, so that memory does not grow with time."""

    def __init__(self, algorithm: Name, clock: Callable[[], float]) -> None:
        self._make = ALGORITHMS[algorithm]
        self._clock = clock
        self._clients: dict[tuple[str, Limit], Algorithm] = {}
        self._sweep_at = _LEAST_SWEPT

    def __len__(self) -> int:
        return len(self._clients)

    async def admit(self, client: str, limit: Limit, cost: int) -> Admission:
        """Ask for `cost` units of `limit` for `client`."""
        return self._of(client, limit).admit(self._clock(), cost)

    async def settle(self, client: str, limit: Limit, ticket: str, more: int) -> None:
        """Correct what `ticket` took."""
        self._of(client, limit).settle(self._clock(), ticket, more)

    def _of(self, client: str, limit: Limit) -> Algorithm:
        found = self._clients.get((client, limit))
        if found is None:
            if len(self._clients) >= self._sweep_at:
                self._sweep()
            found = self._clients[client, limit] = self._make(limit)
        return found

    def _sweep(self) -> None:
        now_s = self._clock()
        self._clients = {client: state for client, state in self._clients.items() if not state.idle(now_s)}
        self._sweep_at = max(_LEAST_SWEPT, 2 * len(self._clients))
