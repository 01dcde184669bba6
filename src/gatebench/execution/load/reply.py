"""One connection's HTTP response parser: llhttp's callbacks, turned into the few facts that a request needs."""

from __future__ import annotations

from typing import Any, Final

from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

from gatebench.execution.load.answer import EOF, MALFORMED, NO_CAUSE, Answer
from gatebench.execution.load.events import MAX_GAP_US, MAX_TOKENS, EventReader

BODY_LIMIT: Final = 1 << 20
_HEAD_KEPT: Final = 1 << 16
_CUT: Final = 1 << 18  # cut in strides: cutting at every chunk would move the whole body each time


class Reply(HTTPResponseParser):
    """Parses the responses of one connection, one after the other.

    Interim responses (1xx, except 101 which is final for a client that asked for no upgrade) are passed over. A message
    of a 2xx status to a streaming request is read as server-sent events. Of the body at most BODY_LIMIT bytes are kept:
    its first 64 KiB and its end, because stamps stand in either.
    """

    def __init__(self) -> None:
        super().__init__()
        self.complete = True
        self._surplus = False
        self._status = 0
        self._body = bytearray()
        self._stream = False
        self._bodiless = False
        self._events: EventReader | None = None
        self._head = b""
        self._headed = False
        self._now_ns = 0

    def expect(self, *, stream: bool, bodiless: bool = False) -> None:
        """Make ready for the response to the request that is about to be sent; that to a HEAD has no body."""
        self.complete = self._surplus = False
        self._status = 0
        self._body = bytearray()
        self._stream = stream
        self._bodiless = bodiless
        self._events = None
        self._head = b""
        self._headed = False

    def take(self, data: bytes, now_ns: int) -> int:
        """Parse bytes that arrived at `now_ns`; returns MALFORMED, or NO_CAUSE (then look at `complete`)."""
        self._now_ns = now_ns
        if not self._headed and len(self._head) < _HEAD_KEPT:
            self._head += data  # for its stamp: cheaper than looking at every header as it is parsed
        try:
            self.feed(data)
        except HTTPParseError:
            if not self.complete:
                return MALFORMED
            self._surplus = True  # the answer was whole; what follows it costs the connection, not the answer
        return NO_CAUSE

    def take_eof(self) -> int:
        """The peer closed: EOF, unless that is how this message is framed (RFC 9112 section 6.3, rule 8)."""
        try:
            self.feed(b"")
        except HTTPParseError:
            return EOF
        return NO_CAUSE if self.complete else EOF

    def verdict(self, cause: int) -> int:
        """Return the cause of the exchange; what was understood of the body may change it."""
        return cause

    def reusable(self) -> bool:
        """Tell whether another request may follow on this connection."""
        return self.complete and not self._surplus and not self.parser_failed() and bool(self.should_keep_alive())

    def note(self, answer: Answer) -> None:
        """Write what was understood so far into `answer`."""
        answer.status = self._status
        answer.body = bytes(self._body)
        answer.head = self._head
        events = self._events
        if events is not None:
            answer.first_token_ns = events.first_token_ns
            answer.tokens = min(events.tokens, MAX_TOKENS)
            answer.terminal = int(events.terminal)
            answer.flaws = events.flaws
            answer.gap_max_us = min(events.gap_max_ns // 1000, MAX_GAP_US)

    def _on_message_begin(self) -> None:
        if self.complete:
            self._surplus = True

    # The parser calls these for every header, and nothing here wants them: a built-in that ignores what it is given costs
    # a third of an empty method.
    _on_status: Any = callable
    _on_header_field: Any = callable
    _on_header_value: Any = callable

    def _on_headers_complete(self) -> bool:
        """Return whether the message ends here, whatever length its header names (RFC 9110 section 9.3.2)."""
        if not self._surplus:
            self._status = int(self.get_code())
            self._headed = True
            if self._stream and 200 <= self._status < 300:
                self._events = EventReader()
        return self._bodiless

    def _on_body(self, data: bytearray) -> None:
        if self._surplus:
            return
        self._keep(bytes(data))

    def _keep(self, data: bytes) -> None:
        """Take decoded bytes of the body."""
        body = self._body
        body += data
        if len(body) > BODY_LIMIT:
            del body[_HEAD_KEPT : len(body) - BODY_LIMIT + _HEAD_KEPT + _CUT]
        if self._events is not None:
            self._events.feed(data, self._now_ns)

    def _on_message_complete(self) -> None:
        if self._surplus:
            return
        if self._status < 200 and self._status != 101:
            self._status = 0
            return
        self.complete = True
        if self._events is not None:
            self._events.end()
