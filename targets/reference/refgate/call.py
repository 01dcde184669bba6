"""One request on its way through the stages: what was asked, by whom, and who wants to hear how it ended."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from multidict import CIMultiDict, CIMultiDictProxy

from .answer import Outgoing
from .headers import upward
from .trace import join_trace

Priority = Literal["low", "normal", "high"]
_PRIORITIES: Mapping[str, Priority] = {"low": "low", "normal": "normal", "high": "high"}


@dataclass(slots=True, eq=False)
class Call:
    """A request. `arrived_s` is the monotonic time at which its head was here.

    `tenant` is what the client says (x-gatebench-tenant) until API keys decide; `key` is never written down.
    A stage that must know how the request ends, a stream's end included, puts a function into `endings`: each is called
    once with the outcome. One that must see a stream's bytes puts a function into `taps`. `providers` is the order in
    which they are asked, None for the configured one.
    """

    outgoing: Outgoing
    request_id: str
    trace_id: str
    arrived_s: float
    tenant: str = ""
    key: str = field(default="", repr=False)
    tier: str = ""
    priority: Priority = "normal"
    served_by: str = ""
    providers: tuple[str, ...] | None = None
    endings: list[Callable[[str], None]] = field(default_factory=list)
    taps: list[Callable[[bytes], None]] = field(default_factory=list)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.outgoing.method

    @property
    def path(self) -> str:
        """The path with its query, as the client wrote it."""
        return self.outgoing.path

    @property
    def headers(self) -> CIMultiDict[str]:
        """The fields that the provider will get."""
        return self.outgoing.headers

    @property
    def body(self) -> bytes:
        """The whole body."""
        return self.outgoing.body

    def facts(self) -> dict[str, str]:
        """What a line of the log says about every request: never a body, a query or a key."""
        return {"request": self.request_id, "trace": self.trace_id, "tenant": self.tenant}

    def ended(self, outcome: str) -> None:
        """Tell everybody who asked how it ended."""
        for listener in self.endings:
            listener(outcome)


def take_in(method: str, path: str, headers: CIMultiDictProxy[str], body: bytes, arrived_s: float) -> Call:
    """Return the call that a client's request is."""
    kept = upward(headers)
    trace_id, kept["traceparent"] = join_trace(kept.get("traceparent", ""))
    return Call(
        Outgoing(method, path, kept, body),
        request_id=kept.get("x-request-id") or f"{random.getrandbits(128):032x}",
        trace_id=trace_id,
        arrived_s=arrived_s,
        tenant=kept.get("x-gatebench-tenant", ""),
        priority=_PRIORITIES.get(kept.get("x-priority", "").strip().lower(), "normal"),
    )
