"""One request on its way: the facts of its arrival, its bytes, and its answer."""

from __future__ import annotations

from gatebench.execution.load.answer import Answer
from gatebench.sample import TARGET
from gatebench.traffic import Request


class Flight:
    """What a row is made of.

    `ordinal` numbers the requests of one arrival, `lane` is a position in `sample.LANES`, `due_ns` is on the machine's
    monotonic clock.
    """

    __slots__ = ("answer", "arrival_id", "due_ns", "kind", "lane", "ordinal", "phase", "request", "wire")

    def __init__(
        self,
        arrival_id: int,
        kind: int,
        phase: int,
        *,
        due_ns: int,
        request: Request,
        wire: bytes,
        lane: int = TARGET,
        ordinal: int = 0,
    ) -> None:
        self.arrival_id = arrival_id
        self.ordinal = ordinal
        self.kind = kind
        self.phase = phase
        self.lane = lane
        self.due_ns = due_ns
        self.request = request
        self.wire = wire
        self.answer = Answer()
        if request.headers:
            self.answer.conditional = b"if-none-match:" in request.headers
