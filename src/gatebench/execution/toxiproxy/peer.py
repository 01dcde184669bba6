"""One end of a proxied connection, the client or the upstream: a non-blocking socket with a queue for what it cannot take yet.

Plain sockets watched by the loop, not asyncio transports: half the processor time a chunk under uvloop, and the end of a
connection (FIN or RST) is ours to choose.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

READ_BYTES = 64 * 1024
QUEUE_BYTES = 256 * 1024
_GATHER = 64
_DRAIN_BYTES = 4 * 1024 * 1024
_LINGER_RESET = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds. close() then sends RST instead of FIN


@dataclass(slots=True)
class Flow:
    """Bytes of one direction of a proxy: read from the sources and taken by the sinks, so far."""

    received_bytes: int = 0
    sent_bytes: int = 0


class Peer:
    """Reads from and writes to one socket, and says when it ends.

    `flow_in` counts what is read, `flow_out` what is written. The connection sets the callbacks: `on_data` and `on_end`
    (for the link that this peer is the source of), `on_full` and `on_room` (for the one it is the sink of), `on_closed`.
    """

    on_data: Callable[[bytes], None]
    on_end: Callable[[], None]
    on_full: Callable[[], None]
    on_room: Callable[[], None]
    on_closed: Callable[[], None]

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, flow_in: Flow, flow_out: Flow) -> None:
        with contextlib.suppress(OSError):  # a socket that was reset already may refuse; its end shows when it is read
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.closed = False
        self._loop = loop
        self._sock = sock
        self._recv = sock.recv
        self._send = sock.send
        self._flow_in = flow_in
        self._flow_out = flow_out
        self._reading = False
        self._hung_up = False
        self._queue: deque[bytes | memoryview] = deque()
        self._queue_bytes = 0
        self._full = False
        self._finishing = False

    def resume(self) -> None:
        """Read from now on."""
        if not (self._reading or self._hung_up):
            self._reading = True
            self._loop.add_reader(self._sock, self._readable)

    def pause(self) -> None:
        """Read no more for now: the sender feels it when the kernel's buffers are full."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._sock)

    def hang_up(self) -> None:
        """Read no more, ever."""
        self._hung_up = True
        self.pause()

    def write(self, chunk: bytes, _at_ns: int = 0) -> None:
        """Send `chunk` now as far as the socket takes it, the rest later, in order."""
        if self._queue:
            self._enqueue(chunk)
            return
        if self.closed:
            return
        try:
            sent = self._send(chunk)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()  # the other side is gone
            return
        self._flow_out.sent_bytes += sent
        if sent != len(chunk):
            self._enqueue(memoryview(chunk)[sent:])
            self._loop.add_writer(self._sock, self._writable)

    def finish(self) -> None:
        """Close as soon as everything written so far is sent."""
        self._finishing = True
        if not self._queue:
            self.close()

    def close(self) -> None:
        """Close now with a FIN; what the socket has not taken yet is dropped."""
        if self.closed:
            return
        self._detach()
        self._drain()
        self._sock.close()
        self.on_closed()

    def reset(self) -> None:
        """Close now with a RST; what the other side has not read yet is lost to it."""
        if self.closed:
            return
        self._detach()
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self._sock.close()
        self.on_closed()

    def _readable(self) -> None:
        try:
            chunk = self._recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            chunk = b""  # a reset by the other side ends the stream as a FIN does
        if chunk:
            self._flow_in.received_bytes += len(chunk)
            self.on_data(chunk)
        else:
            self.hang_up()
            self.on_end()

    def _writable(self) -> None:
        try:
            sent = self._sock.sendmsg(list(islice(self._queue, _GATHER)))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        self._flow_out.sent_bytes += sent
        self._queue_bytes -= sent
        while sent:
            head = self._queue.popleft()
            if len(head) > sent:
                self._queue.appendleft(memoryview(head)[sent:])
                break
            sent -= len(head)
        if not self._queue:
            self._loop.remove_writer(self._sock)
            if self._finishing:
                self.close()
                return
        if self._full and self._queue_bytes <= QUEUE_BYTES // 2:
            self._full = False
            self.on_room()

    def _enqueue(self, chunk: bytes | memoryview) -> None:
        if self._finishing:
            return  # nothing follows the end
        self._queue.append(chunk)
        self._queue_bytes += len(chunk)
        if not self._full and self._queue_bytes > QUEUE_BYTES:
            self._full = True
            self.on_full()

    def _detach(self) -> None:
        self.closed = True
        self.hang_up()
        if self._queue:
            self._loop.remove_writer(self._sock)
            self._queue.clear()

    def _drain(self) -> None:
        """Read what has arrived and drop it: a socket closed with unread data sends RST, and a FIN was asked for."""
        drained = 0
        with contextlib.suppress(OSError):
            while drained < _DRAIN_BYTES and (chunk := self._recv(READ_BYTES)):
                drained += len(chunk)
