"""Raw servers for the tests of the load room: they do exactly what a test says, and count what was on the wire."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

Behaviour = Callable[["Call"], None]

LINGER_RST = struct.pack("ii", 1, 0)


class Call:
    """One request that a server has read from the wire, and the connection it came on."""

    def __init__(self, server: ScriptedServer, connection: socket.socket, request: bytes, number: int) -> None:
        self.server = server
        self.connection = connection
        self.request = request
        self.number = number  # of this request on its connection, from 1
        self.keep = True

    def say(self, data: bytes) -> None:
        with self.server.lock:
            self.server.bytes_said += len(data)  # before the client can have seen it
        self.connection.sendall(data)

    def answer(self, body: bytes = b'{"ok":1}', status: str = "200 OK", headers: bytes = b"") -> None:
        self.say(b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status.encode(), headers, len(body), body))

    def close(self) -> None:
        """Close with FIN, and say so."""
        self.keep = False
        self.connection.close()
        self.server.closed.set()

    def reset(self) -> None:
        """Close with RST."""
        self.keep = False
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RST)
        self.connection.close()
        self.server.closed.set()


class ScriptedServer:
    """Accepts on port 0, reads one request after the other, counts it, and lets `behaviour` answer.

    `requests` holds every complete request that came, in order: what a client put on the wire, not what it says it did.
    """

    def __init__(self, behaviour: Behaviour, backlog: int = 128) -> None:
        self.behaviour = behaviour
        self.requests: list[bytes] = []
        self.bytes_said = 0
        self.connections = 0
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.released = threading.Event()  # for behaviours that hold on until the test is over
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._open: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> ScriptedServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        number = 0
        with contextlib.suppress(OSError):
            while True:
                request = read_request(connection)
                if not request:
                    return
                number += 1
                with self.lock:
                    self.requests.append(request)
                call = Call(self, connection, request, number)
                self.behaviour(call)
                if not call.keep:
                    return


def read_request(connection: socket.socket) -> bytes:
    """Return the next whole request, or what came of it before the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return data
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        block = connection.recv(65536)
        if not block:
            break
        body += block
    return head + b"\r\n\r\n" + body
