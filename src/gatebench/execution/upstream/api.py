"""What an API of a provider is: how it reads a request, and what its answers look like. One file beside this one each."""

from __future__ import annotations

from typing import Protocol, TypeVar

from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.connection import Request
from gatebench.execution.upstream.rejection import Dialect


class Asked(Protocol):
    """What a request asks for: `tokens` of an answer to `prompt`, by `user`, streamed or whole."""

    @property
    def model(self) -> str:
        """The model that is to answer; empty where there is none."""

    @property
    def prompt(self) -> str:
        """What the fingerprint is taken over; empty for none."""

    @property
    def user(self) -> str:
        """What the body says of the caller."""

    @property
    def tokens(self) -> int:
        """Tokens of the answer."""

    @property
    def stream(self) -> bool:
        """Whether the answer comes token by token."""


Whole = tuple[int, bytes, int, bytes]
"""An answer that goes out at once: status, body, tokens in it, and complete header lines, the content type among them;
no lines at all mean JSON. A plain tuple, for one is made for every answer.
"""


class Events(Protocol):
    """The server-sent events of one stream."""

    def opening_events(self, tokens_in: int) -> tuple[bytes, ...]:
        """Return what comes before the first token, and with it."""

    def token(self, number: int, closing: bytes) -> bytes:
        """Return the event of token `number`, from 1; `closing` is the complete stamp in the last one, else empty."""

    def ending(self, closing: bytes, tokens_in: int, tokens_out: int) -> tuple[bytes, ...]:
        """Return the events after the last token, the terminal one last."""


_Asked = TypeVar("_Asked", bound=Asked)


class Api(Protocol[_Asked]):
    """One API. `timed` answers take the time that the latency model says; those with a `dialect` are rate limited."""

    timed: bool
    counts_tokens: bool

    @property
    def dialect(self) -> Dialect | None:
        """How its answers speak of limits; None without any."""

    def read(self, request: Request) -> _Asked:
        """Return what `request` asks for. Raises Refusal."""

    def whole(self, asked: _Asked, stamp: bytes, created_s: int, tokens_in: int) -> Whole:
        """Return the answer that is not streamed."""

    def events(self, asked: _Asked, opening: bytes, created_s: int) -> Events:
        """Return the events of a stream whose stamp without a service time is `opening`."""

    def refused(self, stamp: bytes, refusal: Refusal) -> bytes:
        """Return the body of an error; lines that the error's shape has besides are added to the refusal's."""
