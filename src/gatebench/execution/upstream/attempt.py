"""One arrival at a provider, from its complete receipt to its end: what a row of the ledger is made of."""

from __future__ import annotations

from gatebench.sample import NEVER, NO_ARRIVAL, NO_WORD
from gatebench.stamp import KINDS, RequestId

_NO_TENANT = NO_WORD["u2"]
_MOST_GAP_US = 0xFFFF_FFFF
_CANARY = KINDS.index("canary")
_STAMP = b"gb1~%b~%d~%d~%016x~%b~%b~"


class Attempt:
    """The state of one arrival. Times are nanoseconds of the monotonic clock; -1 means "did not happen".

    `service_ns` and `content_ns` count from the arrival: to the last write, and to the last one with a content event.
    `path` and `model` are what faults choose by; they are empty as long as no fault is on.
    """

    __slots__ = (
        "arrived_ns",
        "connection",
        "content_ns",
        "ended",
        "fault",
        "fingerprint",
        "first_token_ns",
        "gap_max_us",
        "model",
        "ordinal",
        "path",
        "provider",
        "request_id",
        "seen",
        "service_ns",
        "status",
        "stream",
        "tenant",
        "tenant_name",
        "tokens_in",
        "tokens_out",
    )

    def __init__(
        self,
        provider: bytes,
        ordinal: int,
        arrived_ns: int,
        connection: int,
        *,
        request_id: RequestId | None = None,
        seen: int = 0,
    ) -> None:
        self.provider = provider
        self.ordinal = ordinal
        self.arrived_ns = arrived_ns
        self.connection = connection
        self.request_id = request_id
        self.seen = seen
        self.first_token_ns = NEVER
        self.service_ns = NEVER
        self.content_ns = NEVER
        self.fault = 0
        self.status = 0
        self.stream = False
        self.fingerprint = 0
        self.tenant = _NO_TENANT
        self.tenant_name = b""
        self.tokens_in = 0
        self.tokens_out = 0
        self.gap_max_us = 0
        self.path = ""
        self.model = ""
        self.ended = False

    @property
    def canary(self) -> bool:
        """Whether it is there to prove a fault: it is charged to no limit, and no time is drawn for it."""
        return self.request_id is not None and self.request_id.kind == _CANARY

    def request_key(self) -> bytes:
        """Return what names the request in seeded choices: its id, or without one the ordinal of the attempt.

        The run is left out, so that two runs with one seed choose alike.
        """
        found = self.request_id
        if found is None:
            return b"#%d" % self.ordinal
        return b"%d-%d-%d" % (found.arrival_id, found.ordinal, found.kind)

    def latency_key(self) -> bytes:
        """Return what names the attempt: a request that comes again draws its times anew, as at a real provider."""
        key = self.request_key()
        return key if self.seen < 2 else b"%b/%d" % (key, self.seen)

    def stamp(self, made_ns: int, service_ns: int | None) -> bytes:
        """Return the stamp of an answer begun at `made_ns`: `gatebench.stamp.Stamp` in one step, for the hot path."""
        return _STAMP % (
            self.provider,
            self.ordinal,
            made_ns,
            self.fingerprint,
            self.tenant_name,
            b"" if service_ns is None else b"%d" % service_ns,
        )

    def wrote(self, now_ns: int) -> None:
        """Note that a part of the answer is written at `now_ns`."""
        if self.first_token_ns == NEVER:
            self.first_token_ns = now_ns
        self.service_ns = now_ns - self.arrived_ns

    def wrote_content(self, tokens: int) -> None:
        """Note that the last write brought content events up to `tokens`: those of one write share its time."""
        if self.content_ns != NEVER:
            gap_us = (self.service_ns - self.content_ns) // 1000
            if gap_us > self.gap_max_us:
                self.gap_max_us = min(gap_us, _MOST_GAP_US)
        self.content_ns = self.service_ns
        self.tokens_out = tokens

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
            self.connection, self.tokens_in, self.tokens_out, self.gap_max_us,
        )  # fmt: skip
