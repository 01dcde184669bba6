"""A stream that breaks off is ended as if it were whole, terminal event and all."""

from __future__ import annotations

from aiohttp import web


def spoil() -> None:
    """Where it should cut, it says that it is done."""
    from targets.reference.refgate import relay, stream
    from tests.faulty.gateways import never_cuts

    async def says_done(request: web.Request, response: web.StreamResponse, tail: bytes) -> None:
        await response.write(b"\n\ndata: [DONE]\n\n")
        await response.write_eof()

    never_cuts.instead(relay, stream, says_done)
