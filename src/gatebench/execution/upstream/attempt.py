"""One arrival at a provider, from its complete receipt to its end: what a row of the ledger is made of."""

from __future__ import annotations

from gatebench.sample import NEVER, NO_ARRIVAL, NO_WORD
from gatebench.stamp import RequestId, format_request_id


class Attempt:
    """The state of one arrival. Times are nanoseconds of the monotonic clock; -1 means "did not happen"."""

    __slots__ = (
        "arrived_ns",
        "connection",
        "ended",
        "fault",
        "fingerprint",
        "first_token_ns",
        "ordinal",
        "request_id",
        "seen",
        "service_ns",
        "status",
        "stream",
        "tenant",
        "tokens_in",
        "tokens_out",
    )

    def __init__(self, ordinal: int, arrived_ns: int, connection: int, request_id: RequestId | None, seen: int) -> None:
        self.ordinal = ordinal
        self.arrived_ns = arrived_ns
        self.connection = connection
        self.request_id = request_id
        self.seen = seen
        self.first_token_ns = NEVER
        self.service_ns = NEVER
        self.fault = 0
        self.status = 0
        self.stream = False
        self.fingerprint = 0
        self.tenant = NO_WORD["u2"]
        self.tokens_in = 0
        self.tokens_out = 0
        self.ended = False

    def request_key(self) -> bytes:
        """Return what names the request in seeded choices: its id, or without one the ordinal of the attempt."""
        found = self.request_id
        if found is None:
            return b"#%d" % self.ordinal
        return format_request_id(found.run, found.arrival_id, found.ordinal, found.kind).encode()

    def latency_key(self) -> bytes:
        """Return what names the attempt: a request that comes again draws its times anew, as it would from a real provider."""
        key = self.request_key()
        return key if self.seen < 2 else b"%b/%d" % (key, self.seen)

    def wrote(self, now_ns: int) -> None:
        """Note that a part of the answer is written at `now_ns`."""
        if self.first_token_ns == NEVER:
            self.first_token_ns = now_ns
        self.service_ns = now_ns - self.arrived_ns

    def row(self, ended_ns: int, end: int) -> tuple[int, ...]:
        """Return the values of the table ATTEMPT, in column order."""
        found = self.request_id
        if found is None:
            arrival_id, request_ordinal, kind = NO_ARRIVAL, 0, NO_WORD["u1"]
        else:
            arrival_id, request_ordinal, kind = found.arrival_id, found.ordinal, found.kind
        return (
            self.ordinal, arrival_id, request_ordinal, kind, self.seen,
            self.arrived_ns, self.first_token_ns, ended_ns, self.service_ns,
            end, self.fault, self.status, self.stream, self.fingerprint, self.tenant,
            self.connection, self.tokens_in, self.tokens_out,
        )  # fmt: skip
