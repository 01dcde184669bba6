"""An attempt that faults have hit: where they step in, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from gatebench.execution.upstream.active import ActiveFault
from gatebench.execution.upstream.answering import whole
from gatebench.execution.upstream.api import Api, Asked
from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.connection import Connection
from gatebench.execution.upstream.exchange import EVENTS, STAMPED, Exchange
from gatebench.execution.upstream.faults.contract import Fault
from gatebench.execution.upstream.ledger import Ledger
from gatebench.sample import NEVER

_JSON = b"content-type: application/json\r\n"


class FaultedExchange(Exchange):
    """An exchange whose steps pass through `faults`; `active` is the one that has its turn.

    The row names the fault that made an end of the attempt, or without one the last of those that hit it.
    """

    __slots__ = ("_head", "active", "api", "asked", "faults", "last", "tokens", "total", "whole")

    def __init__(
        self,
        attempt: Attempt,
        connection: Connection,
        ledger: Ledger,
        *,
        faults: Sequence[ActiveFault],
        api: Api[Any],
        asked: Asked | Refusal,
    ) -> None:
        super().__init__(attempt, connection, ledger)
        self.faults = faults
        self.active = faults[0]
        self.api = api
        self.asked = asked
        self.total = 0 if isinstance(asked, Refusal) else asked.tokens
        self.tokens = 0
        self.last = False
        self.whole = False
        self._head = (0, b"", 0)

    async def pause(self, seconds: float) -> None:
        """Wait `seconds`, or until the caller leaves or the fault that wants it ends: renewed, it goes on."""
        active, connection = self.active, self._connection
        until_s = time.monotonic() + seconds
        active.waiting.add(connection.wake)
        try:
            while active.ended_ns == NEVER and not self.over:
                left_s = min(until_s, active.expires_ns * 1e-9) - time.monotonic()
                if left_s <= 0:
                    return
                await connection.pause(left_s)
        finally:
            active.waiting.discard(connection.wake)

    async def begin(self) -> None:
        """Let the faults step in before anything is done for the attempt."""
        for fault in self._each():
            await fault.apply(self)
            if self.over:
                return

    async def first_token(self) -> None:
        """Let the faults step in when the first byte of the answer is due."""
        for fault in self._each():
            await fault.at_first_token(self)
            if self.over:
                return

    async def respond(self, status: int, body: bytes, stamp: bytes, tokens: int = 0, headers: bytes = b"") -> None:
        """Give the whole answer as the faults leave it; one without a body has nothing that they could change."""
        headers = self._lines(headers or _JSON)
        if self._connection.has_body(status):
            self._head = (status, STAMPED % (headers, stamp) + self.headers, len(body))
            self.tokens, self.last, self.whole = tokens, True, True
            body = await self._chunk(body)
        if not self.over:
            self.attempt.wrote(time.monotonic_ns())
            self.answer(status, body, stamp, tokens, headers)

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error of the API that was asked."""
        self.attempt.fault = self.active.code
        self.answer(*whole(self.attempt, self.api, refusal))

    def open_stream(self, stamp: bytes) -> None:
        """Begin a stream as the faults leave its head."""
        self.attempt.status = 200
        self._connection.open(200, STAMPED % (self._lines(EVENTS), stamp) + self.headers)

    async def write(self, data: bytes, *, tokens: int, last: bool) -> None:
        """Write the next event of a stream as the faults leave it."""
        self.tokens, self.last = tokens, last
        data = await self._chunk(data)
        if not self.over:
            self.attempt.wrote(time.monotonic_ns())
            await super().write(data, tokens=tokens, last=last)

    async def truncate(self, data: bytes, tokens: int) -> None:
        """Write `data` of the chunk that the faults have before them, and no more; `tokens` are out then."""
        attempt = self.attempt
        attempt.fault = self.active.code
        attempt.wrote(time.monotonic_ns())
        if not self.whole:
            await self._connection.write(data)
            return
        status, lines, length = self._head
        attempt.status, attempt.tokens_out = status, tokens
        self._connection.respond_part(status, lines, length, data)

    def drop(self) -> None:
        """Close the connection."""
        self.attempt.fault = self.active.code
        super().drop()

    def _each(self) -> Iterator[Fault]:
        """Give each fault its turn."""
        for active in self.faults:
            self.active = active
            yield active.fault

    def _lines(self, lines: bytes) -> bytes:
        for fault in self._each():
            lines = fault.on_head(self, lines)
        return lines

    async def _chunk(self, data: bytes) -> bytes:
        """Return `data` as the faults leave it, which may take them a while."""
        for fault in self._each():
            data = await fault.on_chunk(self, data)
            if self.over:
                return b""
        return data
