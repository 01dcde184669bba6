"""What came of one request, filled in as it happens, so that a row can be written at any moment."""

from __future__ import annotations

from typing import Final

from gatebench.sample import CAUSE, ERROR, ERROR_EVENT, IN_FLIGHT, NEVER, OK, REJECTED, TIMEOUT

NO_CAUSE: Final = CAUSE[""]
STATUS: Final = CAUSE["status"]
REFUSED: Final = CAUSE["refused"]
RESET: Final = CAUSE["reset"]
EOF: Final = CAUSE["eof"]
CONNECT_TIMEOUT: Final = CAUSE["connect_timeout"]
READ_TIMEOUT: Final = CAUSE["read_timeout"]
TOTAL_TIMEOUT: Final = CAUSE["total_timeout"]
MALFORMED: Final = CAUSE["malformed"]
TRUNCATED: Final = CAUSE["truncated"]
NOT_ALLOWED: Final = CAUSE["not_allowed"]
UNREACHABLE: Final = CAUSE["unreachable"]
TLS: Final = CAUSE["tls"]
UNDECODABLE: Final = CAUSE["undecodable"]
POOL: Final = CAUSE["pool"]
GENERATOR: Final = CAUSE["generator"]
STOPPED: Final = CAUSE["stopped"]
TASK: Final = CAUSE["task"]
JUDGED: Final = CAUSE["judged"]
IN_BAND: Final = CAUSE["in_band"]

_TIMEOUTS: Final = frozenset((CONNECT_TIMEOUT, READ_TIMEOUT, TOTAL_TIMEOUT))


class Answer:
    """The client's facts of one request, named and united as in `gatebench.sample.SAMPLE`.

    Until it is concluded its outcome is `in_flight`. `body` holds the decoded body (bounded, see `reply.BODY_LIMIT`),
    `head` what was read until its headers were complete. `conditional` says that the request asked to be told only that
    nothing has changed: then 304 is a good answer.
    """

    __slots__ = (
        "body",
        "bytes_received",
        "bytes_sent",
        "cause",
        "conditional",
        "connection",
        "done_ns",
        "first_byte_ns",
        "first_token_ns",
        "flaws",
        "gap_max_us",
        "head",
        "outcome",
        "reused",
        "sent_ns",
        "status",
        "terminal",
        "tokens",
    )

    def __init__(self) -> None:
        self.sent_ns = self.first_byte_ns = self.first_token_ns = self.done_ns = NEVER
        self.outcome = IN_FLIGHT
        self.cause = self.status = 0
        self.bytes_sent = self.bytes_received = 0
        self.connection = self.reused = 0
        self.tokens = self.terminal = self.gap_max_us = self.flaws = 0
        self.body = self.head = b""
        self.conditional = False

    def conclude(self, cause: int, now_ns: int, *, stream: bool) -> None:
        """Give the final outcome: `cause` is what stopped the exchange, or NO_CAUSE for a complete HTTP message."""
        self.done_ns = now_ns
        if cause == NO_CAUSE and not 200 <= self.status < 300 and not (self.conditional and self.status == 304):
            cause = STATUS
        elif cause == NO_CAUSE and stream and self.flaws & ERROR_EVENT:
            cause = IN_BAND
        elif cause == NO_CAUSE and stream and not self.terminal:
            cause = TRUNCATED
        self.cause = cause
        if cause == NO_CAUSE:
            self.outcome = OK
        elif cause == STATUS and self.status == 429:
            self.outcome = REJECTED
        else:
            self.outcome = TIMEOUT if cause in _TIMEOUTS else ERROR
