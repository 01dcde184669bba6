"""What a provider's fault is: validated parameters, whom it hits, and the places where it steps into an attempt."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gatebench.execution.upstream import bedrock
from gatebench.execution.upstream.api import Api, Asked
from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.chat import Refusal
from gatebench.resource import PREFIX

HEALTHY = 200
DROPPED = 0
_APIS = ("/v1/", bedrock.PREFIX, PREFIX)


def _rounded(value: Any) -> Any:
    return round(value) if isinstance(value, float) and math.isfinite(value) else value


Whole = Annotated[int, BeforeValidator(_rounded)]
"""A whole number. A step of a ramp may lie between two: it is the nearest."""


class Active(Protocol):
    """A fault that is on: since when (nanoseconds of the monotonic clock), and what it remembers until it ends.

    `share` is the number of processes behind the provider's name.
    """

    @property
    def since_ns(self) -> int:
        """When it was switched on."""

    @property
    def share(self) -> int:
        """Of how many processes this is one."""

    @property
    def memory(self) -> dict[Any, Any]:
        """What it remembers."""


class Hit(Protocol):
    """The attempt that a fault has hit, and what the fault may do to it; `faulted.FaultedExchange` is one.

    `headers` are complete lines that the answer will carry. `tokens` are those that are out when the chunk is that the
    fault steps into, of `total`; `last` is whether nothing follows it, `whole` whether it is a whole answer.
    """

    attempt: Attempt
    headers: bytes
    tokens: int
    total: int
    last: bool
    whole: bool

    @property
    def active(self) -> Active:
        """The fault's own term."""

    @property
    def api(self) -> Api[Any]:
        """What was asked."""

    @property
    def asked(self) -> Asked | Refusal:
        """What was asked for, or why that is refused."""

    @property
    def over(self) -> bool:
        """Nothing more can be said to the caller."""

    async def pause(self, seconds: float) -> None:
        """Wait; ends early when the caller leaves and when the fault ends."""

    async def respond(self, status: int, body: bytes, stamp: bytes, tokens: int = 0) -> None:
        """Answer in place of the provider."""

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error of the API that was asked."""

    async def truncate(self, data: bytes, tokens: int) -> None:
        """Write `data` and nothing else of the chunk; `tokens` are out then. What follows is `drop`."""

    def drop(self) -> None:
        """Close the connection with FIN, without an answer or in the middle of one."""


class Fault(BaseModel):
    """A behaviour of the provider; its fields are its parameters, and it does nothing until it overrides a method.

    A request matches when its path begins with `route` and it comes from `tenant` for `model` (empty: any). Of those
    that match, counted by each process on its own, every `nth` is taken (0: each), and of these the share `probability`:
    which ones is a function of the seed and the request id (`measurement.md` 23), so a victim that comes again is hit
    again. A canary of the fault is always hit, and no other fault's is.

    After each step that ends the attempt (`hit.over`), nothing further happens to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    everywhere: ClassVar[bool] = False
    """Whether it hits paths beside the APIs too."""

    probability: float = Field(default=1.0, ge=0, le=1)
    route: str = ""
    tenant: str = ""
    model: str = ""
    nth: Whole = Field(default=0, ge=0)

    def matches(self, attempt: Attempt) -> bool:
        """Tell whether it is about such requests, before they are counted and drawn."""
        return (
            attempt.path.startswith(self.route)
            and (self.everywhere or attempt.path.startswith(_APIS))
            and (not self.tenant or attempt.tenant_name == self.tenant.encode())
            and (not self.model or attempt.model == self.model)
        )

    def health(self) -> int:
        """Return the status of /health while it is on; DROPPED stands for a closed connection."""
        return HEALTHY

    async def apply(self, hit: Hit) -> None:
        """Step in before the answer: the request is read, nothing was waited for."""

    async def at_first_token(self, hit: Hit) -> None:
        """Step in when the first byte of the answer is due."""

    def on_head(self, hit: Hit, lines: bytes) -> bytes:
        """Return the header lines that go out in place of `lines`, the content type among them."""
        return lines

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Return what goes out in place of `data`: one event of a stream, or the body of a whole answer."""
        return data
