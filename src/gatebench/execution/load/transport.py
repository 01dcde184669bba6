"""What carries the bytes of a connection: a plain socket, or TLS over one. Nothing here waits."""

from __future__ import annotations

import socket
import ssl
from typing import Final, Protocol

_RAW: Final = 65536
_CHUNK: Final = 1 << 18


class Transport(Protocol):
    """A non-blocking byte stream. `send` and `recv` raise BlockingIOError when they would have to wait."""

    def fileno(self) -> int:
        """The descriptor to watch."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Take some of `data`; return how many bytes of it are on their way."""

    def recv(self, most: int, /) -> bytes:
        """Return what came, b"" at the end."""

    def spoke(self) -> bool:
        """Tell whether a readable, idle stream has something to say to us: bytes nobody asked for, or its end."""

    def close(self) -> None:
        """Close."""


class Plain:
    """A socket as it is. Its methods are the socket's own: one call less on the hot path."""

    __slots__ = ("close", "fileno", "recv", "send")

    def __init__(self, connected: socket.socket) -> None:
        self.fileno = connected.fileno
        self.send = connected.send
        self.recv = connected.recv
        self.close = connected.close

    def spoke(self) -> bool:
        """A plain socket is readable for no other reason."""
        return True


class Secured:
    """TLS over a connected, non-blocking socket, by way of memory buffers: the event loop sees the plain socket only.

    Bytes are counted as HTTP sees them, without the framing of TLS.
    """

    def __init__(self, connected: socket.socket, context: ssl.SSLContext, server_name: str) -> None:
        self.fileno = connected.fileno
        self._socket = connected
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._pending = b""
        self._taken = 0
        self._early = b""

    def handshake(self) -> bool:
        """Go on with the handshake; True when it is done.

        BlockingIOError: wait until the socket is readable. ssl.SSLError: it failed. ConnectionError: the peer left.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._take()
            else:
                self._flush()
                return True

    def send(self, data: bytes | memoryview, /) -> int:
        """Encrypt some of `data` and send it; what is encrypted goes out before anything else is taken."""
        if not self._pending:
            self._taken = self._tls.write(data[:_CHUNK])
            self._pending = self._outgoing.read()
        self._flush()
        return self._taken

    def recv(self, most: int, /) -> bytes:
        """Return everything that can be read now, for the event loop will not say again that it is there.

        Raises ConnectionResetError when the stream ends without saying so in TLS: then it may have been cut.
        """
        if self._early:
            early, self._early = self._early, b""
            return early
        return self._read()

    def spoke(self) -> bool:
        """Session tickets and the like arrive on idle connections and say nothing to us."""
        try:
            self._early = self._read()
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close the socket; nobody waits for the peer's close_notify."""
        self._socket.close()

    def _read(self) -> bytes:
        parts: list[bytes] = []
        while True:
            try:
                part = self._tls.read(_RAW)
            except ssl.SSLWantReadError:
                if parts:
                    return b"".join(parts)
                self._take()
                continue
            except ssl.SSLZeroReturnError:
                part = b""
            except ssl.SSLEOFError as error:
                if parts:
                    return b"".join(parts)
                raise ConnectionResetError("the stream ended without close_notify") from error
            if not part:
                return b"".join(parts)
            parts.append(part)

    def _take(self) -> None:
        raw = self._socket.recv(_RAW)
        if raw:
            self._incoming.write(raw)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        self._pending += self._outgoing.read()
        while self._pending:
            self._pending = self._pending[self._socket.send(self._pending) :]
