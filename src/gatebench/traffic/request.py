"""One request before it gets its id: what goes on the wire, and what it should come back with."""

from __future__ import annotations

from typing import NamedTuple


class Request(NamedTuple):
    """`route` and `tenant` are positions in the traffic's names. A named tuple because one is made for every arrival.

    `headers` are complete header lines of this request's own, each with its line end; `read_bytes_per_s` above 0 makes
    the client read the answer no faster than that. `key` is the number of the group of arrivals that ask for the same, -1
    without one; `keyed` ones say so with an idempotency key of the number `named`, which
    groups of two tenants may share. `meaning` is the number of what a shipped question means, -1 for other
    prompts.
    """

    method: str
    path: str
    body: bytes
    route: int
    tenant: int
    stream: bool
    fingerprint: int
    content_type: str = "application/json"
    headers: bytes = b""
    read_bytes_per_s: int = 0
    key: int = -1
    keyed: bool = False
    named: int = -1
    meaning: int = -1
