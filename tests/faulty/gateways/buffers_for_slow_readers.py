"""The provider's stream is read as fast as it comes, however slowly the client reads: all of it stands in memory."""

from __future__ import annotations

import asyncio


def spoil() -> None:
    """The rest of a stream comes out of a list that somebody else fills."""
    from aiohttp import ClientError, ClientResponse

    from targets.reference.refgate.upstream import ResponseUpstream

    read, release, begin = ResponseUpstream.read, ResponseUpstream.release, ResponseUpstream.__init__
    filling = dict[ResponseUpstream, tuple[asyncio.Queue[bytes | ClientError], asyncio.Task[None]]]()

    async def fill(upstream: ResponseUpstream, pieces: asyncio.Queue[bytes | ClientError]) -> None:
        try:
            while data := await read(upstream):
                pieces.put_nowait(data)
            pieces.put_nowait(b"")
        except ClientError as error:
            pieces.put_nowait(error)

    def begins(self: ResponseUpstream, response: ClientResponse) -> None:
        begin(self, response)
        pieces = asyncio.Queue[bytes | ClientError]()
        filling[self] = pieces, asyncio.get_running_loop().create_task(fill(self, pieces))

    async def next_piece(self: ResponseUpstream) -> bytes:
        piece = await filling[self][0].get()
        if isinstance(piece, ClientError):
            raise piece
        return piece

    def lets_go(self: ResponseUpstream) -> None:
        filling.pop(self)[1].cancel()
        release(self)

    ResponseUpstream.__init__ = begins  # type: ignore[method-assign]
    ResponseUpstream.read = next_piece  # type: ignore[method-assign]
    ResponseUpstream.release = lets_go  # type: ignore[method-assign]
