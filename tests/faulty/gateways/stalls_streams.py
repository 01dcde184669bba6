"""Every third stream stands still for a third of a second in its middle."""

from __future__ import annotations

import asyncio
import itertools

_EVERY = 3
_STALL_S = 0.3


def spoil() -> None:
    """A pause before the fourth piece."""
    from aiohttp import ClientResponse

    from targets.reference.refgate.upstream import ResponseUpstream

    begin, read, numbers = ResponseUpstream.__init__, ResponseUpstream.read, itertools.count()
    pieces = dict[int, int]()

    def begins(self: ResponseUpstream, response: ClientResponse) -> None:
        begin(self, response)
        pieces[id(self)] = 0 if next(numbers) % _EVERY == 0 else 100

    async def pauses(self: ResponseUpstream) -> bytes:
        pieces[id(self)] += 1
        if pieces[id(self)] == 4:
            await asyncio.sleep(_STALL_S)
        return await read(self)

    ResponseUpstream.__init__ = begins  # type: ignore[method-assign]
    ResponseUpstream.read = pauses  # type: ignore[method-assign]
