"""What a provider's fault is: validated parameters, and up to three places where it steps into an attempt."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from gatebench.execution.upstream.attempt import Attempt


class Hit(Protocol):
    """The attempt that a fault has hit, and what the fault may do to it; `exchange.Exchange` is one."""

    attempt: Attempt

    @property
    def over(self) -> bool:
        """Nothing more can be said to the caller."""

    async def pause(self, seconds: float) -> None:
        """Wait; ends early when the caller leaves."""

    async def respond(self, status: int, body: bytes, stamp: bytes, tokens: int = 0) -> None:
        """Answer in place of the provider."""

    def drop(self) -> None:
        """Close the connection with FIN, without an answer or in the middle of one."""


class Fault(BaseModel):
    """A behaviour of the provider; its fields are its parameters, and it does nothing until it overrides a method.

    `probability` is the share of requests that it hits; which ones is a function of the seed and the request id
    (`measurement.md` 23), so a victim that comes again is hit again. After each step that ends the attempt
    (`hit.over`), nothing further happens to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=1.0, ge=0, le=1)

    async def apply(self, hit: Hit) -> None:
        """Step in before the answer: the request is read, nothing was waited for."""

    async def at_first_token(self, hit: Hit) -> None:
        """Step in when the first byte of the answer is due."""

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Return what goes out in place of `data`: one event of a stream, or the body of a whole answer."""
        return data
