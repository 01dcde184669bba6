"""What ties a request to the attempts it caused: request ids on the way in, stamps on the way back.

A request id travels through the gateway to the provider; the provider answers with a stamp in the places that gateways
pass on. Both are short printable ASCII, safe in headers, JSON strings and text.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal, NamedTuple

Kind = Literal["load", "warmup", "canary", "reactive"]
KINDS: tuple[Kind, ...] = ("load", "warmup", "canary", "reactive")
_LETTERS = {"l": 0, "w": 1, "c": 2, "r": 3}
_LETTER = ("l", "w", "c", "r")

_REQUEST_ID = re.compile(rb"gb-([0-9a-f]{8})-(\d{1,10})-(\d{1,5})-([lwcr])(?![0-9A-Za-z])")
_STAMP = re.compile(rb"gb1~([A-Za-z0-9_.-]+)~(\d+)~(\d+)~([0-9a-f]{16})~([A-Za-z0-9_.-]*)~(\d*)~")


class RequestId(NamedTuple):
    """Names one request of one run: the arrival it belongs to, its ordinal within that arrival, and its kind."""

    run: str
    arrival_id: int
    ordinal: int
    kind: int

    def __str__(self) -> str:
        return format_request_id(self.run, self.arrival_id, self.ordinal, self.kind)


def format_request_id(run: str, arrival_id: int, ordinal: int, kind: int) -> str:
    """Return the text of a request id; `run` is eight hexadecimal digits, `kind` an index into KINDS."""
    return f"gb-{run}-{arrival_id}-{ordinal}-{_LETTER[kind]}"


def find_request_id(text: bytes) -> RequestId | None:
    """Return the first request id in `text` (a header value or a body), or None."""
    match = _REQUEST_ID.search(text)
    if match is None:
        return None
    run, arrival_id, ordinal, letter = match.groups()
    return RequestId(run.decode(), int(arrival_id), int(ordinal), _LETTERS[letter.decode()])


class Stamp(NamedTuple):
    """What a provider says of the attempt that made a response.

    `attempt` is the ordinal of the arrival at this provider (unique within the provider and the run), `made_ns` the
    provider's monotonic clock when it began the answer, `service_ns` the service time that really happened (None in
    the first event of a stream, where it is not known yet). A named tuple because one is made for every sample.
    """

    provider: str
    attempt: int
    made_ns: int
    fingerprint: int
    tenant: str
    service_ns: int | None

    def __str__(self) -> str:
        service = "" if self.service_ns is None else self.service_ns
        return f"gb1~{self.provider}~{self.attempt}~{self.made_ns}~{self.fingerprint:016x}~{self.tenant}~{service}~"


def _read(found: re.Match[bytes]) -> Stamp:
    provider, attempt, made_ns, print_, tenant, service = found.groups()
    return Stamp(
        provider.decode(),
        int(attempt),
        int(made_ns),
        int(print_, 16),
        tenant.decode(),
        int(service) if service else None,
    )


def find_stamps(body: bytes) -> list[Stamp]:
    """Return every stamp in `body`, in order."""
    return [_read(found) for found in _STAMP.finditer(body)]


def find_stamp(body: bytes) -> Stamp | None:
    """Return the stamp of `body`: its last complete one (with a service time), else its last, else None."""
    # Nearly every body ends with a complete stamp: look there before reading all of them.
    last = _STAMP.match(body, max(0, body.rfind(b"gb1~")))
    if last is not None and last[6]:
        return _read(last)
    stamps = find_stamps(body)
    complete = [stamp for stamp in stamps if stamp.service_ns is not None]
    candidates = complete or stamps
    return candidates[-1] if candidates else None


def fingerprint(text: str) -> int:
    """Return the 64-bit fingerprint of a prompt: BLAKE2b-64 of its UTF-8 text (RFC 7693)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
