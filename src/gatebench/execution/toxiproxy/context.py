"""What every proxy of an engine stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from gatebench.execution.toxiproxy.clock import Clock


@dataclass(frozen=True)
class Context:
    """The loop that everything happens in, its clock, the seed of all draws, and the hosts that may be reached beyond loopback."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    seed: int
    allow_remote: Collection[str] = ()
