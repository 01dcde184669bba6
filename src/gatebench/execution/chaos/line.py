"""One connection of a canary: it asks, and says how long that took and in which exact way it went, in the link's own protocol.

Built on http.client and on plain sockets because a proof needs the exact way in which a connection fails, which richer
clients fold together.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from gatebench import tls
from gatebench.execution import redis
from gatebench.execution.chaos.question import Question
from gatebench.execution.chaos.symptom import Met, symptom
from gatebench.plan import TlsPlan

_READ_BYTES = 65_536


class Heard(NamedTuple):
    """What came back: what was met, when it was asked and how long it took, and how many bytes of content came.

    `added_ns` is what a provider says that it added.
    """

    met: Met
    asked_ns: int
    took_ns: int
    received: int = 0
    added_ns: int = 0


class Line(Protocol):
    """A connection that may be asked once or more often; it connects when it is asked first."""

    def ask(self, headers: Mapping[str, str]) -> Heard:
        """Ask; whatever happens is an answer."""

    def wait(self, timeout_s: float) -> None:
        """From now on wait so long."""

    def close(self) -> None:
        """Hang up; harmless when nobody connected."""


class HttpLine:
    """HTTP, over TLS where the link leads to it. With `whole` it matters whether an answer that is not whole had begun.

    With `closing` the server is asked to close the connection, and the time lasts until it has.
    """

    def __init__(
        self,
        host: str,
        port: int,
        question: Question,
        *,
        timeout_s: float,
        whole: bool = False,
        closing: bool = False,
        trust: TlsPlan | None = None,
    ) -> None:
        self._question = question
        self._whole = whole
        self._closing = closing
        self._secured = trust is not None
        self._connection = (
            http.client.HTTPConnection(host, port, timeout=timeout_s)
            if trust is None
            else _Secured(host, port, trust, timeout_s)
        )

    def ask(self, headers: Mapping[str, str]) -> Heard:
        """Send the question."""
        question, connection = self._question, self._connection
        start = time.monotonic_ns()
        received = added_ns = 0
        begun = False
        try:
            if self._secured and connection.sock is None:
                connection.connect()
                start = time.monotonic_ns()  # a handshake takes several turns, and each would meet the fault
            close = {"connection": "close"} if self._closing else {}
            sent = {**headers, **dict(question.headers), **close}
            connection.request(question.method, question.path, question.body, sent)
            with _second(connection.sock) as underneath:
                answer = connection.getresponse()
                begun = self._whole
                body = answer.read()
                if self._closing:
                    _await_end(underneath)
            received = len(body)
            added_ns = int(answer.getheader("x-gatebench-added-us") or 0) * 1000
            met = symptom(question, answer.status, answer.getheader("content-type") or "", body)
        except (http.client.RemoteDisconnected, http.client.IncompleteRead):
            met = "cut" if begun else "eof"
        except (OSError, http.client.HTTPException) as error:
            met = failure(error, begun=begun)
        return Heard(met, start, time.monotonic_ns() - start, received, added_ns)

    def wait(self, timeout_s: float) -> None:
        """From now on wait so long."""
        self._connection.timeout = timeout_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class RedisLine:
    """Redis: PING, with `payload_bytes` an ECHO of so many bytes, with `closing` QUIT, whose time lasts until the server has closed."""

    def __init__(
        self, host: str, port: int, *, timeout_s: float, payload_bytes: int = 0, closing: bool = False
    ) -> None:
        self._place = (host, port)
        self._timeout_s = timeout_s
        self._command: tuple[bytes, ...] = (b"PING",)
        self._wanted = b"PONG"
        if payload_bytes:
            self._command, self._wanted = (b"ECHO", b"x" * payload_bytes), b"x" * payload_bytes
        elif closing:
            self._command, self._wanted = (b"QUIT",), b"OK"
        self._closing = closing
        self._socket: socket.socket | None = None

    def ask(self, headers: Mapping[str, str]) -> Heard:
        """Send the command; Redis has no headers."""
        start = time.monotonic_ns()
        received = 0
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._place, timeout=self._timeout_s)
            said = redis.ask(self._socket, *self._command)
            received = len(said)
            met = "answer" if said == self._wanted else "malformed"
            if self._closing:
                _await_end(self._socket)
        except EOFError:
            met = "eof"
        except redis.Unexpected:
            met = "malformed"
        except OSError as error:
            met = failure(error)
        return Heard(met, start, time.monotonic_ns() - start, received)

    def wait(self, timeout_s: float) -> None:
        """From now on wait so long."""
        self._timeout_s = timeout_s
        if self._socket is not None:
            self._socket.settimeout(timeout_s)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@contextlib.contextmanager
def _second(sock: socket.socket) -> Iterator[socket.socket]:
    """Yield a second handle of the socket, which stays when its library hangs up."""
    with socket.socket(fileno=os.dup(sock.fileno())) as underneath:
        underneath.settimeout(sock.gettimeout())
        yield underneath


def _await_end(sock: socket.socket) -> None:
    """Read and drop until the other side has closed."""
    while sock.recv(_READ_BYTES):
        pass


def failure(error: Exception, *, begun: bool = False) -> Met:
    """Return the word for the way in which a connection failed."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset"
    if isinstance(error, TimeoutError):
        return "stall" if begun else "hang"
    return type(error).__name__


class _Secured(http.client.HTTPSConnection):
    """TLS through a link: the connection goes to the link, the name and the certificate are the target's."""

    def __init__(self, host: str, port: int, trust: TlsPlan, timeout_s: float) -> None:
        self._trust_context = tls.context(trust)
        super().__init__(host, port, timeout=timeout_s, context=self._trust_context)
        self._server_name = trust.server_name

    def connect(self) -> None:
        """Connect to the link and shake hands with what is behind it."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._trust_context.wrap_socket(self.sock, server_hostname=self._server_name)
