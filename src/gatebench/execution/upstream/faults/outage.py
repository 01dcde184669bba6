"""The provider is gone: nothing is answered, not even the question whether it is there."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from gatebench.execution.upstream.faults.contract import DROPPED, HEALTHY, Fault, Hit, Whole
from gatebench.execution.upstream.faults.error import server_error
from gatebench.execution.upstream.faults.registry import register


class Outage(Fault):
    """Drops everything (`status` 0) or answers it with `status`; /health too, unless the outage is narrowed down.

    The control API goes on: somebody must be able to end it.
    """

    everywhere: ClassVar[bool] = True

    status: Whole = Field(default=DROPPED, ge=0, le=599)

    @field_validator("status")
    @classmethod
    def _is_an_error(cls, status: int) -> int:
        if status != DROPPED and status < 500:
            raise ValueError(f"{status} is no outage; use 0 to drop requests, or 500 to 599")
        return status

    def health(self) -> int:
        """Return what /health says: an outage of some requests leaves it alone."""
        narrowed = self.route or self.tenant or self.model or self.nth > 1 or self.probability < 1
        return HEALTHY if narrowed else self.status

    async def apply(self, hit: Hit) -> None:
        """Drop it, or answer with the error."""
        if self.status == DROPPED:
            hit.drop()
        else:
            hit.refuse(server_error(self.status))


register("provider.outage", Outage)
