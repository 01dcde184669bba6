"""Where limits are counted."""

from __future__ import annotations

from typing import Protocol

from .limit import Admission, Limit


class StoreFault(Exception):
    """The store did not answer, not in time, or with an error."""


class Store(Protocol):
    """Counts one algorithm for many clients."""

    async def admit(self, client: str, limit: Limit, cost: int) -> Admission:
        """Ask for `cost` units of `limit` for `client`; StoreFault when the store does not say."""

    async def settle(self, client: str, limit: Limit, ticket: str, more: int) -> None:
        """Correct what `ticket` took; for concurrency: end it. StoreFault when the store does not say."""
