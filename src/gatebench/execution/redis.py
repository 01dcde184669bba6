"""The little of Redis's protocol (RESP2) that readiness and canaries need: one command, one answer, on a plain socket.

A canary must see the exact way in which a connection fails, which the richer client folds together.
https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import contextlib
import socket

_READ_BYTES = 65_536
_LONGEST_LINE = 512


class Unexpected(OSError):
    """The other side answered what is no answer to the command."""


def ask(sock: socket.socket, *words: bytes) -> bytes:
    """Send a command and return its answer: a simple string, or the content of a bulk string.

    Raises EOFError when the connection ends before the answer does, Unexpected for an error or another type, OSError.
    """
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    sock.sendall(b"".join(parts))
    buffer = b""
    while b"\r\n" not in buffer:
        buffer += _receive(sock)
        if len(buffer) > _LONGEST_LINE + _READ_BYTES:
            raise Unexpected("a line without an end")
    line, _, rest = buffer.partition(b"\r\n")
    if line[:1] == b"+":
        return line[1:]
    if line[:1] != b"$" or not line[1:].isdigit():
        raise Unexpected(line.decode(errors="replace"))
    size = int(line[1:])
    while len(rest) < size + 2:
        rest += _receive(sock)
    return rest[:size]


def answers(host: str, port: int) -> bool:
    """Tell whether a Redis server takes commands there."""
    with contextlib.suppress(OSError, EOFError), socket.create_connection((host, port), timeout=1.0) as sock:
        return ask(sock, b"PING") == b"PONG"
    return False


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(_READ_BYTES)
    if not data:
        raise EOFError
    return data
