"""A server whose manners can be changed while it runs, for the tests of what canaries see."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """Its manner is answer, eof, late (an eof after 0.8 s), reset, hang, or a delay in seconds.

    `victims` are the connections, from 0, that meet it."""

    def __init__(self) -> None:
        self.manner: str | float = "answer"
        self.victims: Callable[[int], bool] = lambda _: True
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection, len(self._open) - 1))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket, ordinal: int) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                assert data
                manner = self.manner if self.victims(ordinal) else "answer"
                if manner == "late":
                    time.sleep(0.8)
                if manner in {"eof", "late"}:
                    return
                if manner == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if manner == "hang":
                    continue
                if isinstance(manner, float):
                    time.sleep(manner)
                connection.sendall(ANSWER)

    def close(self) -> None:
        """Refuse from now on."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
