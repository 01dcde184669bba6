"""The HTTP/1.1 client of the generator: each request goes on the wire once, and what happens to it is data.

It never sends a request again, never follows a redirect, and never hides a broken connection behind a new one. A
connection is only looked at before it is used again; when the peer has closed it by then, nothing has been sent yet and
a fresh one is opened. When the peer closes it a moment later, that request fails with `reused = 1`, as it would for any
client of its target.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

from gevent import getcurrent
from gevent.monkey import get_original

from gatebench import guard, tls
from gatebench.execution.load.answer import (
    CONNECT_TIMEOUT,
    NO_CAUSE,
    NOT_ALLOWED,
    REFUSED,
    RESET,
    TLS,
    UNREACHABLE,
    Answer,
)
from gatebench.execution.load.connection import Connection
from gatebench.execution.load.reply import Reply
from gatebench.execution.load.transport import Plain, Secured, Transport
from gatebench.execution.load.turns import Turns
from gatebench.plan import DeadlinesPlan, Endpoint

_READ: Final = 1
_WRITE: Final = 2
_ASK_AGAIN_NS: Final = 1_000_000
_SLOW_BUFFER: Final = 4096
_SYN_SENT: Final = 2  # Linux, include/net/tcp_states.h

_socket = get_original("socket", "socket")  # Locust puts gevent's in its place, which waits in its own way


class Client:
    """Speaks to one endpoint. One client belongs to one gevent hub; any number of greenlets may exchange at once.

    The name is resolved once, when the client is made; the guard is asked again with the very address of each connect.
    The connect deadline and the total deadline count from `sent_ns` (a request that was handed over late is not
    punished twice), the read deadline from the last byte in either direction.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        deadlines: DeadlinesPlan,
        allowed: Iterable[str] = (),
        turns: Turns | None = None,
        *,
        parser: type[Reply] = Reply,
    ) -> None:
        self.turns = turns or Turns()
        self.opened = 0  # connections
        self.lost_idle = 0  # connections that the peer closed, or spoke on unasked, while they carried no request
        self.written = 0  # requests whose writing began: at most one for each exchange, by construction
        self.tls_errors: Counter[str] = Counter()  # why handshakes failed, in OpenSSL's words
        self.local_errors: Counter[str] = Counter()  # failures to connect that are this machine's, by errno name
        self._port = endpoint.port
        self._deadlines = deadlines
        self._unix = endpoint.unix
        self._tls = endpoint.tls
        self._context = tls.context(endpoint.tls) if endpoint.tls is not None else None
        self._reply = parser
        self._allowed = set(allowed)
        self._refusal = NO_CAUSE
        self._address: tuple[socket.AddressFamily, str] | None = None
        self._idle: dict[Connection, None] = {}
        if self._unix is not None:
            self._address = (socket.AF_UNIX, self._unix)
        else:
            self._resolve(endpoint.host)

    def exchange(self, answer: Answer, wire: bytes, *, stream: bool, read_bytes_per_s: int = 0) -> None:
        """Send `wire` and conclude `answer`; returns when the exchange is over, at the total deadline at the latest.

        With `read_bytes_per_s` the answer is read no faster than that, over a connection of its own with a small buffer.
        """
        if read_bytes_per_s:
            self._exchange_slowly(answer, wire, read_bytes_per_s, stream=stream)
            return
        answer.sent_ns = time.monotonic_ns()
        total_end_ns = answer.sent_ns + self._deadlines.total_ns
        connection = self._idle_connection() or self._connect(answer, total_end_ns, stream=stream)
        if connection is None:
            return
        self.written += 1
        connection.exchange(answer, wire, total_end_ns, self._deadlines.read_ns, stream=stream)
        if connection.reusable():
            self._idle[connection] = None
        else:
            connection.close()

    def _exchange_slowly(self, answer: Answer, wire: bytes, bytes_per_s: int, *, stream: bool) -> None:
        answer.sent_ns = time.monotonic_ns()
        total_end_ns = answer.sent_ns + self._deadlines.total_ns
        connection = self._connect(answer, total_end_ns, stream=stream, buffer_bytes=_SLOW_BUFFER)
        if connection is None:
            return
        self.written += 1
        connection.slow_down(bytes_per_s)
        connection.exchange(answer, wire, total_end_ns, self._deadlines.read_ns, stream=stream)
        connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _resolve(self, host: str) -> None:
        try:
            self._address = guard.resolve(host, self._port, self._allowed)[0]
        except guard.RemoteRefused:
            self._refusal = NOT_ALLOWED
        except OSError:
            self._refusal = UNREACHABLE
        else:
            if host in self._allowed:
                self._allowed.add(self._address[1])

    def _idle_connection(self) -> Connection | None:
        """Return the connection that was used last and is still quiet; the ones found dead on the way are dropped."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.is_quiet():
                return connection
            connection.close()
            self.lost_idle += 1
        return None

    def _lost(self, connection: Connection) -> None:
        self.lost_idle += 1
        self._idle.pop(connection, None)

    def _connect(self, answer: Answer, total_end_ns: int, *, stream: bool, buffer_bytes: int = 0) -> Connection | None:
        """Open a connection, or conclude `answer` with the cause and return None."""
        until_ns = min(answer.sent_ns + self._deadlines.connect_ns, total_end_ns)
        opened: Transport | int = self._refusal
        if self._address is not None:
            connected = self._open(*self._address, until_ns, buffer_bytes)
            opened = connected if isinstance(connected, int) else self._secured(connected, until_ns)
        if isinstance(opened, int):
            answer.conclude(opened, time.monotonic_ns(), stream=stream)
            return None
        self.opened += 1
        return Connection(opened, self.opened, self.turns, self._lost, self._reply())

    def _secured(self, connected: socket.socket, until_ns: int) -> Transport | int:
        """Return the socket as a transport, over TLS where the endpoint says so, or the cause of failure."""
        if self._tls is None or self._context is None:
            return Plain(connected)
        transport = Secured(connected, self._context, self._tls.server_name)
        wake = getcurrent().switch
        readable = self.turns.watch(connected.fileno(), _READ, lambda: wake(True))
        try:
            while True:
                try:
                    transport.handshake()
                    return transport
                except BlockingIOError:
                    if not self.turns.until(until_ns):
                        connected.close()
                        return CONNECT_TIMEOUT
                except ssl.SSLError as error:
                    self.tls_errors[getattr(error, "verify_message", None) or error.reason or str(error)] += 1
                    connected.close()
                    return TLS
                except OSError as error:
                    connected.close()
                    return self._failure(error.errno or errno.ECONNRESET)
        finally:
            readable.close()

    def _open(
        self, family: socket.AddressFamily, address: str, until_ns: int, buffer_bytes: int
    ) -> socket.socket | int:
        """Return a connected socket, or the cause of failure; `buffer_bytes` above 0 keeps the receive buffer small."""
        is_unix = family == socket.AF_UNIX
        try:
            if not is_unix:
                guard.check(address, self._allowed)
        except guard.RemoteRefused:
            return NOT_ALLOWED
        try:
            fresh: socket.socket = _socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            return self._failure(error.errno or errno.EIO)
        try:
            if buffer_bytes:
                fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
            if is_unix:
                code = self._connect_unix(fresh, address, until_ns)
            else:
                fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                code = fresh.connect_ex((address, self._port))
            while code == errno.EINPROGRESS:
                if not self._is_writable(fresh, until_ns):
                    fresh.close()
                    return CONNECT_TIMEOUT
                code = _connected(fresh)
        except OSError as error:
            code = error.errno or errno.EIO
        if code == 0:
            return fresh
        fresh.close()
        return self._failure(code)

    def _connect_unix(self, fresh: socket.socket, path: str, until_ns: int) -> int:
        """Connect to a Unix socket; a full queue there (EAGAIN) gives no event to wait for, so it is asked again."""
        while (code := fresh.connect_ex(path)) == errno.EAGAIN:
            if time.monotonic_ns() >= until_ns:
                return errno.ETIMEDOUT
            self.turns.until(min(until_ns, time.monotonic_ns() + _ASK_AGAIN_NS))
        return code

    def _is_writable(self, fresh: socket.socket, until_ns: int) -> bool:
        """Wait until a connect seems decided; False when it was not by `until_ns`."""
        wake = getcurrent().switch
        writable = self.turns.watch(fresh.fileno(), _WRITE, lambda: wake(True))
        try:
            return self.turns.until(until_ns)
        finally:
            writable.close()

    def _failure(self, code: int) -> int:
        if code in {errno.ECONNREFUSED, errno.ENOENT}:
            return REFUSED
        if code == errno.ETIMEDOUT:
            return CONNECT_TIMEOUT
        if code == errno.ECONNRESET:
            return RESET
        self.local_errors[errno.errorcode.get(code, str(code))] += 1
        return UNREACHABLE


def _connected(fresh: socket.socket) -> int:
    """Return 0 for a connected socket, EINPROGRESS for one that is not yet, else the errno of its failure."""
    code = fresh.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code != 0:
        return code
    try:
        peer = fresh.getpeername()
    except OSError:
        # An event loop may report an event that is none: then the connect is still going on.
        state = fresh.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return errno.EINPROGRESS if state == _SYN_SENT else errno.ECONNRESET
    # A connect to a free port of the ephemeral range can meet itself (simultaneous open): nobody listens there.
    return errno.ECONNREFUSED if fresh.getsockname() == peer else 0
