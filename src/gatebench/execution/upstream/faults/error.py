"""The provider answers with an error at once: its own (5xx), or one that it finds in the request (4xx)."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.faults.contract import Fault, Hit, Whole
from gatebench.execution.upstream.faults.registry import register

_MESSAGES: Final = {
    500: "The server had an error while processing your request. Sorry about that!",
    502: "Bad gateway.",
    400: "Your request could not be processed.",
    503: "The engine is currently overloaded, please try again later.",
    529: "Overloaded",
}


def server_error(status: int) -> Refusal:
    """Return the error of that status, in words that providers use."""
    return Refusal(status, _MESSAGES.get(status, f"The server answers {status}."), code=None)


class Error(Fault):
    """Answers with `status` in the error shape of the API that was asked."""

    status: Whole = Field(default=500, ge=400, le=599)

    async def apply(self, hit: Hit) -> None:
        """Answer with the error."""
        hit.refuse(server_error(self.status))


register("provider.error", Error)
