"""Passes an event stream on as it comes, and makes sure that one that broke off never looks like one that ended."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Literal

import aiohttp
from aiohttp import HttpVersion11, web

from .answer import Stream

# A chat stream ends with `data: [DONE]`, a message's with an event of type message_stop; one that ends without either
# was cut short, whatever its framing says.
_TERMINALS = (b"[DONE]", b'"message_stop"')
_TAIL_BYTES = 64

Ending = Literal["ok", "broken", "cancelled"]


async def pass_on(
    request: web.Request, stream: Stream, idle_s: float, taps: Sequence[Callable[[bytes], None]] = ()
) -> tuple[web.StreamResponse, Ending]:
    """Relay `stream` to the client; return the response and how it ended: properly, broken by the provider, or alone.

    `idle_s` is the longest silence of the provider in seconds; each of `taps` sees every piece after the client got it.
    """
    response = web.StreamResponse(status=stream.status, headers=stream.headers)
    must_terminate = stream.status == 200 and "Content-Encoding" not in stream.headers
    tail = b""
    try:
        await response.prepare(request)
        chunk: bytes | None = stream.first
        while chunk:
            await response.write(chunk)
            for tap in taps:
                tap(chunk)
            tail = (tail + chunk)[-_TAIL_BYTES:]
            chunk = await _next(stream, idle_s)
    except ConnectionError:  # of our own writing; what the provider does to us is None
        return response, "cancelled"
    finally:
        stream.upstream.release()
    if chunk is None or (must_terminate and not any(terminal in tail for terminal in _TERMINALS)):
        _break_off(request)
        return response, "broken"
    return response, "ok"


async def _next(stream: Stream, idle_s: float) -> bytes | None:
    """Return what came next, empty at the end, None when the provider died or fell silent."""
    try:
        async with asyncio.timeout(idle_s):
            return await stream.upstream.content.readany()
    except (aiohttp.ClientError, TimeoutError):
        return None


def _break_off(request: web.Request) -> None:
    """Close the connection so that the client notices: no last chunk was sent, so the body is incomplete (RFC 9112, 8).

    A client of HTTP/1.0 has no chunks and takes the end of the connection for the end of the body: it gets a reset.
    """
    transport = request.transport
    if transport is None:
        return
    if request.version < HttpVersion11:
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
