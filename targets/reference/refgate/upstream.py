"""Where the rest of a stream comes from."""

from __future__ import annotations

from typing import Protocol

from aiohttp import ClientResponse


class Upstream(Protocol):
    """The rest of a provider's stream; whoever holds it must release it."""

    async def read(self) -> bytes:
        """Return what came next, empty at the end. Raises aiohttp.ClientError when the provider dies."""

    def release(self) -> None:
        """Let the connection go: back into the pool when all was read, else closed, so that the provider stops."""


class ResponseUpstream:
    """The body of an HTTP response."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    async def read(self) -> bytes:
        """Return the next piece as it came."""
        return await self._response.content.readany()

    def release(self) -> None:
        """Release the response."""
        self._response.release()
