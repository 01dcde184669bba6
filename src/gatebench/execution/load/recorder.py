"""Turns a flight into a row of the samples stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gatebench.execution.load.claims import NO_CLAIMS, NO_USAGE, claims, usage
from gatebench.execution.load.flight import Flight
from gatebench.run.stream import StreamWriter
from gatebench.sample import NEVER, NO_WORD
from gatebench.stamp import Stamp, find_stamp

_MARK: Final = b"gb1~"
_LOOKS: Final = 4
_MOST_ATTEMPTS: Final = 0xFFFF_FFFF
_LONGEST_NS: Final = 0x7FFF_FFFF_FFFF_FFFF
FINGERPRINT_MATCHES: Final = 1
TENANT_MATCHES: Final = 2


def last_stamp(body: bytes) -> Stamp | None:
    """Return what `find_stamp` does, looking from the end: a stream repeats its stamp with every event.

    What looks like a stamp with numbers that no provider counts to is somebody else's text, and none.
    """
    end = body.rfind(_MARK)
    if end < 0:
        return None
    try:
        for _ in range(_LOOKS):
            stamp = find_stamp(body[end:])
            if stamp is not None and stamp.service_ns is not None:
                return _believable(stamp)
            end = body.rfind(_MARK, 0, end)
            if end < 0:
                break
        return _believable(find_stamp(body))
    except ValueError:  # Python refuses to read numbers of thousands of digits
        return None


def _believable(stamp: Stamp | None) -> Stamp | None:
    if stamp is None or stamp.attempt > _MOST_ATTEMPTS or (stamp.service_ns or 0) > _LONGEST_NS:
        return None
    return stamp


class Recorder:
    """Appends rows; `flush` hands them to the operating system. Nothing here waits."""

    def __init__(self, stream: StreamWriter, providers: Sequence[str], tenants: Sequence[str]) -> None:
        self._stream = stream
        self._providers = {name: code for code, name in enumerate(providers)}
        self._tenants = tuple(tenants)
        self.rows = 0

    def record(self, flight: Flight) -> None:
        """Write the row of `flight` as it stands now."""
        answer = flight.answer
        request = flight.request
        provider, attempt, service_ns, matches = NO_WORD["u1"], 0, NEVER, 0
        stamp = last_stamp(answer.body) if answer.body else None
        if stamp is None and answer.head:  # a body that was written anew, or none at all, as with 304
            stamp = last_stamp(answer.head)
        if stamp is not None:
            provider = self._providers.get(stamp.provider, provider)
            attempt = stamp.attempt
            if stamp.service_ns is not None:
                service_ns = stamp.service_ns
            if stamp.fingerprint == request.fingerprint:
                matches = FINGERPRINT_MATCHES
            if stamp.tenant == self._tenants[request.tenant]:
                matches |= TENANT_MATCHES
        said = claims(answer.head) if answer.head else NO_CLAIMS
        billed = usage(answer.body) if answer.body else NO_USAGE
        self.rows += 1
        self._stream.append(
            flight.arrival_id,
            flight.ordinal,
            flight.kind,
            flight.lane,
            flight.phase,
            request.route,
            request.tenant,
            flight.due_ns,
            answer.sent_ns,
            answer.first_byte_ns,
            answer.first_token_ns,
            answer.done_ns,
            answer.outcome,
            answer.cause,
            answer.status,
            answer.bytes_sent,
            answer.bytes_received,
            answer.connection,
            answer.reused,
            answer.tokens,
            answer.terminal,
            answer.gap_max_us,
            provider,
            attempt,
            service_ns,
            matches,
            said.retry_after_s,
            said.cache,
            *billed,
            answer.flaws,
        )

    @property
    def pending(self) -> int:
        """Rows that would be lost with this process now."""
        return self._stream.pending

    def flush(self) -> None:
        """Make the rows so far survive a SIGKILL of this process."""
        self._stream.flush()

    def close(self) -> None:
        """End the stream properly."""
        self._stream.close()
