"""The provider fails the first attempts of each request: what retries are for."""

from __future__ import annotations

from pydantic import Field

from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.faults.contract import Fault, Hit, Whole
from gatebench.execution.upstream.faults.error import server_error
from gatebench.execution.upstream.faults.registry import register


class FailFirst(Fault):
    """Answers the first `count` attempts of a request with `status`, and those after them properly.

    A request is known by its id, or without one by its path and its fingerprint. Each of several processes counts what
    it sees.
    """

    count: Whole = Field(default=1, ge=1, le=1000)
    status: Whole = Field(default=503, ge=400, le=599)

    async def apply(self, hit: Hit) -> None:
        """Fail it, or let it pass."""
        memory, key = hit.active.memory, request_key(hit.attempt)
        failed = memory.get(key, 0)
        if failed < self.count:
            memory[key] = failed + 1
            hit.refuse(server_error(self.status))


def request_key(attempt: Attempt) -> bytes:
    """Return what attempts of one request have in common."""
    if attempt.request_id is not None:
        return attempt.request_key()
    return b"%b %016x" % (attempt.path.encode(), attempt.fingerprint)


register("provider.fail_first", FailFirst)
