"""The provider takes a request and closes the connection without an answer, as a process that crashes on it does."""

from __future__ import annotations

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register


class Drop(Fault):
    """Closes with FIN. The row stays in the ledger: attempts are visible."""

    async def apply(self, hit: Hit) -> None:
        """Close the connection in place of an answer."""
        hit.drop()


register("provider.drop", Drop)
