"""JSON lines between a load process and its parent, over stdin and stdout, without ever holding up the generator."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import gevent
from gevent.os import make_nonblocking, nb_read, nb_write

_BLOCK: Final = 65536
_PATIENCE_S: Final = 2.0

Orders = Mapping[str, Callable[[Any], object]]


class Channel:
    """Speaks over two file descriptors, which become non-blocking."""

    def __init__(self, read_fd: int = 0, write_fd: int = 1) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._rest = b""
        make_nonblocking(read_fd)
        make_nonblocking(write_fd)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what the parent says; ends when the parent closes its end or is gone. Lines that are not JSON objects are passed over."""
        while True:
            line, found, rest = self._rest.partition(b"\n")
            if found:
                self._rest = rest
                message = _object(line)
                if message is not None:
                    yield message
                continue
            block = self._block()
            if not block:
                return
            self._rest += block

    def say(self, message: dict[str, Any]) -> bool:
        """Write one line; False when the parent is gone, or takes nothing for 2 s. Other greenlets run meanwhile."""
        line = _line(message)
        with contextlib.suppress(OSError), gevent.Timeout(_PATIENCE_S, False):
            while line:
                line = line[nb_write(self._write_fd, line) :]
        return not line

    def _block(self) -> bytes:
        try:
            return bytes(nb_read(self._read_fd, _BLOCK))
        except OSError:
            return b""


def obey(messages: Iterator[dict[str, Any]], orders: Orders, stop: Callable[[], object]) -> None:
    """Do what the parent says; the end of its words means stop."""
    for message in messages:
        if message.get("stop"):
            break
        for name, order in orders.items():
            if name in message:
                order(message[name])
    stop()


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
