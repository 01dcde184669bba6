"""A stream that breaks off just ends: no terminal event, no error, and the framing says that this is all."""

from __future__ import annotations

from aiohttp import web


def spoil() -> None:
    """Where it should cut, it ends the body."""
    from targets.reference.refgate import relay, stream
    from tests.faulty.gateways import never_cuts

    async def says_nothing(request: web.Request, response: web.StreamResponse, tail: bytes) -> None:
        await response.write_eof()

    never_cuts.instead(relay, stream, says_nothing)
