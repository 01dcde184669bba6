"""A quick, steady HTTP server for load tests: it answers at once, remembers every request id, and can stall as a whole."""

from __future__ import annotations

import asyncio
import threading
import time

from gatebench.stamp import RequestId, find_request_id

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'
BACKLOG = 4096


class SteadyServer:
    """Serves on port 0 from a thread of its own.

    With `stall_after_s`, that long after the first request the whole server stops for `stall_s`, as in a long collection of
    garbage: it accepts, reads and answers nothing. `stalled_ns` is when that really began and ended.
    """

    def __init__(self, *, stall_after_s: float | None = None, stall_s: float = 0.0) -> None:
        self.ids: list[RequestId] = []
        self.heads: list[bytes] = []
        self.stalled_ns: tuple[int, int] | None = None
        self.port = 0
        self.transports: list[asyncio.BaseTransport] = []
        self._stall_after_s = stall_after_s
        self._stall_s = stall_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> SteadyServer:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        made = self._loop.create_server(lambda: _Caller(self), "127.0.0.1", 0, backlog=BACKLOG)
        server = self._loop.run_until_complete(made)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for transport in self.transports:
            transport.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def note(self, head: bytes) -> None:
        """Remember a request."""
        if not self.heads and self._stall_after_s is not None:
            self._loop.call_later(self._stall_after_s, self._stall)
        self.heads.append(head)
        found = find_request_id(head)
        if found is not None:
            self.ids.append(found)

    def _stall(self) -> None:
        began_ns = time.monotonic_ns()
        time.sleep(self._stall_s)
        self.stalled_ns = (began_ns, time.monotonic_ns())


class _Caller(asyncio.Protocol):
    """One connection: every whole request is noted and answered."""

    def __init__(self, server: SteadyServer) -> None:
        self._server = server
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.transports.append(transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if not end or len(rest) < length:
                return
            self._data = rest[length:]
            self._server.note(head + end)
            self._transport.write(ANSWER)
