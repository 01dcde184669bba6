"""Passes an event stream on as it comes, and makes sure that one that broke off never looks like one that ended."""

from __future__ import annotations

import asyncio
import json
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
_BROKEN = "The provider broke off its answer."

Ending = Literal["ok", "broken", "cancelled"]


async def pass_on(
    request: web.Request,
    stream: Stream,
    idle_s: float,
    taps: Sequence[Callable[[bytes], None]] = (),
    *,
    tells: bool = False,
) -> tuple[web.StreamResponse, Ending]:
    """Relay `stream` to the client; return the response and how it ended: properly, broken by the provider, or alone.

    `idle_s` is the longest silence of the provider in seconds; each of `taps` sees every piece after the client got it.
    Of a stream that breaks off the client hears in the stream itself if it `tells`, else its connection is cut.
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
        if tells and "Content-Encoding" not in stream.headers:
            await _say_so(request, response, tail)
        else:
            _break_off(request)
        return response, "broken"
    return response, "ok"


async def _next(stream: Stream, idle_s: float) -> bytes | None:
    """Return what came next, empty at the end, None when the provider died or fell silent."""
    try:
        async with asyncio.timeout(idle_s):
            return await stream.upstream.read()
    except (aiohttp.ClientError, TimeoutError):
        return None


async def _say_so(request: web.Request, response: web.StreamResponse, tail: bytes) -> None:
    """End the stream with an event that says that it broke off, in the words of its API."""
    if request.path == "/v1/messages":
        event, what = b"event: error\n", {"type": "error", "error": {"type": "api_error", "message": _BROKEN}}
    else:
        error = {"message": _BROKEN, "type": "server_error", "param": None, "code": "stream_broken"}
        event, what = b"", {"error": error}
    started = b"" if tail.endswith((b"\n\n", b"\r\n\r\n")) else b"\n\n"  # half an event ends here
    try:
        await response.write(started + event + b"data: " + json.dumps(what).encode() + b"\n\n")
        await response.write_eof()
    except ConnectionError:
        return


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
