"""What goes to a provider and what may come back: an answer, a stream, or a failure, all of them data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from multidict import CIMultiDict

from .upstream import Upstream

Reason = Literal["connect", "dropped", "timeout", "malformed", "status"]

_SENTENCES: dict[Reason, str] = {
    "connect": "could not be reached",
    "dropped": "closed the connection without an answer",
    "timeout": "did not answer in time",
    "malformed": "sent something that is not HTTP",
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the client wants to have sent."""

    method: str
    path: str
    headers: CIMultiDict[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that was read to its end before the client sees any of it."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """An event stream whose first token is here; the rest comes from `upstream`, which its holder must release."""

    status: int
    headers: CIMultiDict[str]
    first: bytes
    upstream: Upstream


@dataclass(frozen=True, slots=True)
class Error:
    """An answer of the gateway's own making, in OpenAI's shape; `kind` is the body's `type`.

    `outcome` is what the metrics and the log call it: bad_request, unauthorized, shed, limited, refused, failed.
    """

    status: int
    code: str
    message: str
    outcome: str
    kind: str
    headers: CIMultiDict[str]


Answer = Whole | Stream | Error


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that brought no usable answer.

    `partial` tells that a part of an answer's body had arrived: the request was executed for certain.
    """

    reason: Reason
    status: int | None = None
    partial: bool = False
    retry_after_s: float = 0.0

    def __str__(self) -> str:
        if self.status is not None:
            return f"answered {self.status}"
        return "broke off its answer" if self.partial else _SENTENCES[self.reason]

    def may_be_retried(self, method: str) -> bool:
        """Tell whether the request may be sent again.

        A POST is sent again only when no answer arrived, or one that says "not now". It may have been executed all the
        same, which a dropped connection does not tell: the gateway delivers at least once. A GET is always safe.
        """
        return not self.partial or method == "GET"
