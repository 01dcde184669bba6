"""Cuts a stream of bytes into server-sent events."""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class EventReader:
    """Keeps what came of an event until the rest is here."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the data of each event that `data` completes; comments and events without data have none."""
        *events, self._rest = _END.split(self._rest + data)
        for text in events:
            lines = (line for line in text.splitlines() if line.startswith(b"data:"))
            said = b"\n".join(line[5:].removeprefix(b" ") for line in lines)
            if said:
                yield said
