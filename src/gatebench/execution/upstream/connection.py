"""One connection to a provider: the server's side of HTTP/1.1 over httptools, with what a measurement needs.

It is written by hand because its cost is the instrument's own error, and under uvicorn an answer costs two writes, a
task and a timer. Besides, an ASGI application learns neither when a request was received nor over which connection, can
not hang up without an answer, and is not told at once that its caller has left.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import lru_cache
from http import HTTPStatus
from itertools import count
from typing import NamedTuple, Protocol, cast
from urllib.parse import unquote_to_bytes

import httptools

MOST_BODY_BYTES = 8 * 2**20

_NOT_MODIFIED = 304
_OVERLOADED = 529
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOT_HTTP = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class _StatusLines(dict[int, bytes]):
    """Status lines by their status; 529, which is Anthropic's, and others that no RFC knows are made when asked for."""

    def __missing__(self, status: int) -> bytes:
        line = b"HTTP/1.1 %d %b\r\n" % (status, b"Overloaded" if status == _OVERLOADED else b"")
        self[status] = line
        return line


_STATUS_LINES = _StatusLines(
    {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
)


class Request(NamedTuple):
    """One request, completely received at `received_ns`.

    Header names are in lower case; a body over MOST_BODY_BYTES is None; `chunks` is whether the caller understands them.
    """

    method: bytes
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes | None
    received_ns: int
    keep_alive: bool
    chunks: bool


class Server(Protocol):
    """What answers requests: with `respond`, with `open`, `write` and `finish`, or with `hang_up`, now or later."""

    def serve(self, connection: Connection, request: Request) -> None:
        """Answer `request`; the next one of this connection comes after that."""


class Connection(asyncio.Protocol):
    """An HTTP connection. Its requests are served one after the other; `ordinal` counts connections from 1.

    An idle connection is never closed: gateways keep theirs pooled, and none may find one closed by us.
    """

    _ordinals = count(1)

    @classmethod
    def number_from(cls, first: int, step: int) -> None:
        """Count connections from `first` in steps: processes that share a name have no ordinal in common."""
        cls._ordinals = count(first, step)

    def __init__(self, server: Server, open_connections: set[Connection]) -> None:
        self.ordinal = next(Connection._ordinals)
        self.lost = False
        self._server = server
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._begin()
        self._busy = False
        self._request: Request
        self._waiting: deque[Request] = deque()
        self._pause: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None

    @property
    def local_port(self) -> int:
        """The port that the caller connected to."""
        return int(self._transport.get_extra_info("sockname")[1])

    # What asyncio says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does what one does without being one
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits on behalf of the caller that it has left."""
        self.lost = True
        self._open.discard(self)
        self._waiting.clear()
        # The parser holds us and we hold it. Left to the collector, thousands of such pairs die at once, and the pause
        # (50 ms after 5 900 connections) looks like a slow provider.
        del self._parser
        _end(self._pause)
        _end(self._drained)

    def data_received(self, data: bytes) -> None:
        """Parse; complete requests are served from within."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._last_request()
        except httptools.HttpParserCallbackError:
            self.hang_up()
            raise
        except httptools.HttpParserError:
            if not self._busy and not self.lost:
                self._transport.write(_NOT_HTTP)
            self._last_request()

    def pause_writing(self) -> None:
        """Make the writer of a stream wait for a caller that reads slowly."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let it go on."""
        _end(self._drained)
        self._drained = None

    # What the parser says

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; a caller that waits to be asked for its body is asked (RFC 9110, 10.1.1)."""
        name = name.lower()
        self._headers[name] = value
        if name == b"expect" and value.lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; what is too much is read and forgotten, so that the caller can hear about it."""
        self._body_bytes += len(body)
        if self._body_bytes <= MOST_BODY_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Serve the request, or queue it behind the one that is being served."""
        received_ns = time.monotonic_ns()
        parser = self._parser
        headers = self._headers
        path, query = _target(self._url)
        body = b"".join(self._body) if self._body_bytes <= MOST_BODY_BYTES else None
        keep_alive = parser.should_keep_alive()
        # HTTP/1.0 stays open only by a header that says so: without one, the version need not be asked for.
        chunks = (keep_alive and b"connection" not in headers) or parser.get_http_version() != "1.0"
        request = Request(parser.get_method(), path, query, headers, body, received_ns, keep_alive, chunks)
        self._begin()
        if self._busy:
            self._waiting.append(request)
        elif not self.lost:
            self._busy = True
            self._request = request
            self._server.serve(self, request)

    def _begin(self) -> None:
        """Get ready for the next request."""
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0

    # What the server says

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Give a whole answer in one write; `headers` are complete lines. 304 has neither body nor length (RFC 9110, 8.6)."""
        request = self._request
        persistence = b"" if request.keep_alive and request.chunks else _persistence(request)
        if status == _NOT_MODIFIED:
            self._transport.write(b"%b%b%b\r\n" % (_STATUS_LINES[status], headers, persistence))
            self._next()
            return
        head = b"%b%b%bcontent-length: %d\r\n\r\n" % (_STATUS_LINES[status], headers, persistence, len(body))
        self._transport.write(head + body if request.method != b"HEAD" else head)
        self._next()

    def has_body(self, status: int) -> bool:
        """Tell whether an answer of that status has a body (RFC 9110, 6.4.1)."""
        return self._request.method != b"HEAD" and status != _NOT_MODIFIED

    def respond_part(self, status: int, headers: bytes, length: int, part: bytes) -> None:
        """Give the head of a whole answer of so many bytes, and of these only `part`; what follows is `hang_up`."""
        persistence = _persistence(self._request)
        head = b"%b%b%bcontent-length: %d\r\n\r\n" % (_STATUS_LINES[status], headers, persistence, length)
        self._transport.write(head + part)

    def open(self, status: int, headers: bytes) -> None:
        """Begin an answer of unknown length."""
        if self._request.chunks:
            headers += b"transfer-encoding: chunked\r\n"
        else:
            self._last_request()  # HTTP/1.0 has no chunks: the end of the connection is the end of the answer
        self._transport.write(b"%b%b%b\r\n" % (_STATUS_LINES[status], headers, _persistence(self._request)))

    async def write(self, data: bytes) -> None:
        """Write the next part of it, and wait while the caller does not keep up."""
        self._transport.write(self._framed(data))
        if self._drained is not None:
            await self._drained

    def finish(self, data: bytes) -> None:
        """Write the last part of it."""
        self._transport.write(self._framed(data) + (b"0\r\n\r\n" if self._request.chunks else b""))
        self._next()

    async def pause(self, seconds: float) -> None:
        """Wait `seconds`, or until the caller leaves."""
        if self.lost:
            return
        self._pause = self._loop.create_future()
        timer = self._loop.call_later(seconds, _end, self._pause)
        try:
            await self._pause
        finally:
            timer.cancel()
            self._pause = None

    def wake(self) -> None:
        """End the pause, if there is one."""
        _end(self._pause)

    def hang_up(self) -> None:
        """Close with FIN, without an answer or in the middle of one; what was written before still goes out."""
        self.lost = True
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.lost = True
        self._transport.abort()

    def _framed(self, data: bytes) -> bytes:
        """Return `data` as a chunk; nothing is no chunk, for an empty one would be the end."""
        return b"%x\r\n%b\r\n" % (len(data), data) if data and self._request.chunks else data

    def _last_request(self) -> None:
        """Close when the current request is answered."""
        if self._busy:
            self._request = self._request._replace(keep_alive=False)
        else:
            self._transport.close()

    def _next(self) -> None:
        self._busy = False
        if not self._request.keep_alive:
            self.hang_up()
        elif self._waiting:
            self._busy = True
            self._request = self._waiting.popleft()
            self._loop.call_soon(self._serve_waiting)

    def _serve_waiting(self) -> None:
        if not self.lost:
            self._server.serve(self, self._request)


def _persistence(request: Request) -> bytes:
    """Return the line that says whether the connection stays, where it differs from what the version implies."""
    if not request.keep_alive:
        return b"connection: close\r\n"
    return b"" if request.chunks else b"connection: keep-alive\r\n"


@lru_cache(maxsize=256)
def _target(url: bytes) -> tuple[str, str]:
    """Return the decoded path and the query of a request target; there are few, so each is taken apart once."""
    if not url.startswith(b"/"):  # as a caller of a proxy writes it
        try:
            parsed = httptools.parse_url(url)
        except httptools.HttpParserInvalidURLError:
            return url.decode("ascii", "replace"), ""
        url = (parsed.path or b"/") + b"?" + (parsed.query or b"")
    path, _, query = url.partition(b"?")
    return unquote_to_bytes(path).decode("utf-8", "replace"), query.decode("ascii", "replace")


def _end(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
