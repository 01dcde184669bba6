"""A limiter whose store failed lets everybody in for ten seconds more, though the store is long back."""

from __future__ import annotations

import time

_OPEN_S = 10.0


def spoil() -> None:
    """A fault lasts longer than it does."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.redis import RedisStore
    from targets.reference.refgate.limits.store import StoreFault

    admit, failed_s = RedisStore.admit, [-_OPEN_S]

    async def remembers(self: RedisStore, client: str, limit: Limit, cost: int) -> Admission:
        if time.monotonic() - failed_s[0] < _OPEN_S:
            raise StoreFault("failed a while ago")
        try:
            return await admit(self, client, limit, cost)
        except StoreFault:
            failed_s[0] = time.monotonic()
            raise

    RedisStore.admit = remembers  # type: ignore[method-assign]
