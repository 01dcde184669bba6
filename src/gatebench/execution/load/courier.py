"""Carries a worker's stream to its master in pieces, and knows which of them arrived."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gevent.event import Event

_PIECE: Final = 131_072
_WINDOW: Final = 8 * _PIECE
_INTERVAL_S: Final = 0.5
_AGAIN_S: Final = 2.0

Send = Callable[[int, bytes], object]


class Courier:
    """Reads the file that a `StreamWriter` flushes every second, and sends what is new: `send(offset, piece)`.

    At most 1 MiB is on the way. What is not confirmed within 2 s is sent again: a connection that broke and came back
    swallows what it held. A lost worker so loses what it had not flushed, and what was on the way.
    """

    def __init__(self, path: Path, send: Send) -> None:
        self._path = path
        self._send = send
        self._sent = 0
        self._taken = 0
        self._moved_s = time.monotonic()
        self._wake = Event()

    def taken(self, size: int) -> None:
        """The other side has `size` bytes."""
        if size > self._taken:
            self._taken = size
            self._sent = max(self._sent, size)
            self._moved_s = time.monotonic()
        self._wake.set()

    def run(self) -> None:
        """Send what is new, until killed."""
        while True:
            self.push()
            self._wake.clear()
            self._wake.wait(_INTERVAL_S)

    def push(self) -> None:
        """Send what may be sent now."""
        if self._sent > self._taken and time.monotonic() - self._moved_s > _AGAIN_S:
            self._sent = self._taken
            self._moved_s = time.monotonic()
        with self._path.open("rb") as file:
            file.seek(self._sent)
            while self._sent - self._taken < _WINDOW and (piece := file.read(_PIECE)):
                self._send(self._sent, piece)
                self._sent += len(piece)

    @property
    def size(self) -> int:
        """Bytes of the stream so far."""
        return self._path.stat().st_size

    def all_taken(self) -> bool:
        """Tell whether everything has arrived."""
        return self._taken == self.size
