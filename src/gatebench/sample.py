"""The tables of a run, column by column: the one place that says what is recorded, in which unit.

Streams hold numbers only: every text column is a code into a vocabulary that is fixed when the run is planned and
stands in the stream's metadata. Assembled tables hold the words. Times are int64 nanoseconds of the machine's
monotonic clock; -1 means "did not happen". The layout of a row is packed, so a sample costs `SAMPLE.itemsize` bytes until it is flushed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gatebench.stamp import KINDS

NEVER: Final = -1
NO_ARRIVAL: Final = 0xFFFFFFFF
NO_WORD: Final = {"u1": 0xFF, "u2": 0xFFFF}

OUTCOMES: Final = ("ok", "rejected", "error", "timeout", "in_flight", "unsent")
OK, REJECTED, ERROR, TIMEOUT, IN_FLIGHT, UNSENT = range(len(OUTCOMES))

CAUSES: Final = (
    "",  # ok
    "status",  # a complete answer whose status is not 2xx
    "refused",  # connect was refused
    "reset",  # RST while connecting, sending or reading
    "eof",  # the peer closed before the answer was complete
    "connect_timeout",
    "read_timeout",  # no byte for the read deadline
    "total_timeout",  # not complete at the total deadline
    "malformed",  # not HTTP, or HTTP that breaks its own framing
    "truncated",  # a stream that ended cleanly without its terminal event
    "not_allowed",  # the guard refused the address
    "unreachable",  # any other failure to connect
    "tls",  # the handshake failed, or the certificate does not verify
    "undecodable",  # a complete answer whose content coding does not decode
    "pool",  # unsent: the target held every slot
    "generator",  # unsent: the generator was too late
    "stopped",  # unsent or in flight because the run was stopped
    "task",  # unsent: the user's own task asked for nothing, or raised before it did
    "judged",  # the user's own locustfile calls it a failure, whatever came back
    "in_band",  # a stream that ended cleanly, and carried an event that says an error
)
CAUSE: Final = {name: code for code, name in enumerate(CAUSES)}

LANES: Final = ("target", "direct", "null")
TARGET, DIRECT, NULL = range(len(LANES))

CACHE_CLAIMS: Final = ("", "hit", "miss", "stale")
"""What an answer's headers say of a cache; empty when they say nothing."""
NO_CLAIM, CLAIMS_HIT, CLAIMS_MISS, CLAIMS_STALE = range(len(CACHE_CLAIMS))

NO_RETRY_AFTER: Final = 0xFFFF
NO_USAGE_IN: Final = 0xFFFF
NO_USAGE_OUT: Final = 0xFFFFFFFF
TOKEN_AGAIN: Final = 1
"""The bit of `token_flaws` that says that a numbered token came twice, or later than its successor."""
TOKEN_MISSING: Final = 2
"""The bit of `token_flaws` that says that a numbered token before the last one never came."""
ERROR_EVENT: Final = 4
"""The bit of `token_flaws` that says that the stream carried an error event, whatever became of it then."""

ENDS: Final = ("completed", "dropped", "cancelled", "error", "in_flight")
COMPLETED, DROPPED, CANCELLED, FAILED, UNFINISHED = range(len(ENDS))


@dataclass(frozen=True)
class Column:
    """One column: its name, its packed type, the vocabulary it points into (if any), and what it means."""

    name: str
    type: str
    doc: str
    vocabulary: str = ""


@dataclass(frozen=True)
class Table:
    """A table's columns in the order in which a row is packed."""

    name: str
    columns: tuple[Column, ...]

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The packed little-endian row as a numpy type."""
        return np.dtype([(column.name, "<" + column.type) for column in self.columns])

    @property
    def itemsize(self) -> int:
        """Bytes a row."""
        return self.dtype.itemsize

    @property
    def packer(self) -> struct.Struct:
        """Packs one row from its values in column order."""
        codes = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i8": "q", "i2": "h"}
        return struct.Struct("<" + "".join(codes[column.type] for column in self.columns))


SAMPLE = Table(
    "samples",
    (
        Column("arrival_id", "u4", "position of the arrival in the schedule"),
        Column("ordinal", "u2", "number of this request within its arrival, from 0"),
        Column("kind", "u1", "load, warmup, canary or reactive; only load enters headline metrics", "kind"),
        Column("lane", "u1", "where it was sent: target, or direct and null (the controls of an overhead run)", "lane"),
        Column("phase", "u1", "planned phase in which the request was due", "phase"),
        Column("route", "u1", "route of the traffic mix", "route"),
        Column("tenant", "u2", "tenant the request was made for", "tenant"),
        Column("due_ns", "i8", "when the schedule wanted it sent"),
        Column("sent_ns", "i8", "when the client began to send it (before connecting, if it had to connect)"),
        Column("first_byte_ns", "i8", "first byte of the answer"),
        Column("first_token_ns", "i8", "first content event of a stream"),
        Column("done_ns", "i8", "last byte, error or deadline; for an unsent row, when it was given up"),
        Column("outcome", "u1", "ok, rejected (429), error, timeout, in_flight or unsent", "outcome"),
        Column("cause", "u1", "why the outcome is not ok", "cause"),
        Column("status", "u2", "HTTP status; 0 when none arrived"),
        Column("bytes_sent", "u4", "bytes handed to the socket"),
        Column("bytes_received", "u4", "bytes read from the socket, headers and framing included"),
        Column("connection", "u4", "ordinal of the connection within its worker, from 1; 0 when there was none"),
        Column("reused", "u1", "1 when the connection had carried a request before"),
        Column("tokens", "u2", "content events of a stream"),
        Column("terminal", "u1", "1 when a stream's terminal event arrived"),
        Column("gap_max_us", "u4", "longest time between two content events, microseconds"),
        Column("provider", "u1", "provider that made the answer, by its stamp", "provider"),
        Column("attempt", "u4", "the attempt that made the answer, by its stamp: ordinal at its provider"),
        Column("service_ns", "i8", "service time that really happened at the provider, by its stamp"),
        Column("stamp_matches", "u1", "bit 0: the stamp's fingerprint is the request's; bit 1: its tenant is"),
        Column("retry_after_s", "u2", "what Retry-After asks for, whole seconds, at most 65534; 65535 without it"),
        Column("cache_claim", "u1", "what the answer's headers say of a cache: hit, miss, stale or nothing", "claim"),
        Column("usage_in", "u2", "prompt tokens that the answer bills, at most 65534; 65535 when it bills none"),
        Column("usage_out", "u4", "completion tokens that the answer bills; 4294967295 when it bills none"),
        Column(
            "token_flaws",
            "u1",
            "of a stream: bit 0, a numbered token came again; bit 1, one is missing; bit 2, an error event",
        ),
    ),
)

ATTEMPT = Table(
    "attempts",
    (
        Column("attempt", "u4", "ordinal of the arrival at this provider, from 1"),
        Column("arrival_id", "u4", "arrival of the request id found; 4294967295 when none was found"),
        Column("ordinal", "u2", "ordinal of the request id found"),
        Column("kind", "u1", "kind of the request id found", "kind"),
        Column("seen", "u2", "how often this provider has now seen this request id, from 1; 0 without an id"),
        Column("arrived_ns", "i8", "the request was completely received"),
        Column("first_token_ns", "i8", "first content event or byte of the answer was written"),
        Column("ended_ns", "i8", "the last byte was written, or the attempt ended otherwise"),
        Column("service_ns", "i8", "service time that really happened: arrival to the last write"),
        Column("end", "u1", "completed, dropped, cancelled (the caller left), error or in_flight", "end"),
        Column("fault", "u1", "the fault that hit it", "fault"),
        Column("status", "u2", "HTTP status answered; 0 when none was"),
        Column("stream", "u1", "1 for a stream"),
        Column("fingerprint", "u8", "fingerprint of the prompt"),
        Column("tenant", "u2", "tenant the request was made for, where the gateway passed it on", "tenant"),
        Column("connection", "u4", "ordinal of the connection at this provider, from 1"),
        Column("tokens_in", "u4", "tokens of the prompt"),
        Column("tokens_out", "u4", "tokens of the answer that were written"),
        Column("gap_max_us", "u4", "longest time between the writes of two content events, microseconds"),
    ),
)

TABLES: Final = {table.name: table for table in (SAMPLE, ATTEMPT)}

Vocabularies = Mapping[str, Sequence[str]]

FIXED_VOCABULARIES: Final[Vocabularies] = {
    "kind": KINDS,
    "outcome": OUTCOMES,
    "cause": CAUSES,
    "claim": CACHE_CLAIMS,
    "lane": LANES,
    "end": ENDS,
}
