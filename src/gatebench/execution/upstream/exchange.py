"""One attempt on the wire: what may be said to its caller."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.connection import Connection
from gatebench.execution.upstream.ledger import Ledger
from gatebench.sample import CANCELLED, COMPLETED, DROPPED, FAILED

_JSON = b"content-type: application/json\r\nx-gatebench-stamp: %b\r\n"
STAMPED = b"%bx-gatebench-stamp: %b\r\n"
EVENTS = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"


class Exchange:
    """An attempt and its connection. The ledger gets its row as soon as it is over. `faulted` is one that faults hit."""

    __slots__ = ("_connection", "_ledger", "attempt", "headers")

    faults: Sequence[Any] = ()

    def __init__(self, attempt: Attempt, connection: Connection, ledger: Ledger) -> None:
        self.attempt = attempt
        self.headers = b""  # lines that every answer carries, whatever becomes of it
        self._connection = connection
        self._ledger = ledger

    @property
    def over(self) -> bool:
        """Nothing more can be said: it is answered or dropped, or the caller has left."""
        return self.attempt.ended or self._connection.lost

    async def pause_until(self, due_ns: int) -> None:
        """Wait until `due_ns` of the monotonic clock, or until the caller leaves."""
        left_ns = due_ns - time.monotonic_ns()
        if left_ns > 0:
            await self._connection.pause(left_ns * 1e-9)

    async def begin(self) -> None:
        """Take the step before anything is done for the attempt."""

    async def first_token(self) -> None:
        """Take the step when the first byte of the answer is due."""

    def answer(self, status: int, body: bytes, stamp: bytes, tokens: int = 0, headers: bytes = b"") -> None:
        """Give the whole answer at once; `tokens` are in it. `headers` (complete lines) take the place of JSON's."""
        attempt = self.attempt
        attempt.status = status
        attempt.tokens_out = tokens
        lines = STAMPED % (headers, stamp) if headers else _JSON % stamp
        self._connection.respond(status, lines + self.headers if self.headers else lines, body)
        self._ledger.end(attempt, COMPLETED if status < 400 else FAILED, time.monotonic_ns())

    async def respond(self, status: int, body: bytes, stamp: bytes, tokens: int = 0, headers: bytes = b"") -> None:
        """Give the whole answer, and take the time for it that it needs."""
        self.answer(status, body, stamp, tokens, headers)

    def open_stream(self, stamp: bytes) -> None:
        """Begin a stream of server-sent events."""
        self.attempt.status = 200
        self._connection.open(200, STAMPED % (EVENTS, stamp) + self.headers)

    async def write(self, data: bytes, *, tokens: int, last: bool) -> None:
        """Write the next part of a stream; `tokens` are written with it, counted from the beginning."""
        if self.over:
            return
        if tokens > self.attempt.tokens_out:
            self.attempt.wrote_content(tokens)
        if last:
            self._connection.finish(data)
            self._ledger.end(self.attempt, COMPLETED, time.monotonic_ns())
        else:
            await self._connection.write(data)

    def drop(self) -> None:
        """Close the connection with FIN, without an answer or within one; the row says that it was dropped."""
        self._ledger.end(self.attempt, DROPPED, time.monotonic_ns())
        self._connection.hang_up()

    def abandon(self) -> None:
        """Note that the caller has left; harmless when the attempt had ended before."""
        self._ledger.end(self.attempt, CANCELLED, time.monotonic_ns())

    def fail(self) -> None:
        """Note that we failed to answer, and hang up; harmless when the attempt had ended before."""
        self._ledger.end(self.attempt, FAILED, time.monotonic_ns())
        self._connection.hang_up()
