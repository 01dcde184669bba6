"""What every stage may use: who is asked, what is counted, what time it is, and what must be closed at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from .metrics import Metrics
from .provider import Provider


@dataclass(frozen=True, slots=True)
class Shared:
    """The parts of one gateway; `closing` is unwound when it has served its last request."""

    providers: tuple[Provider, ...]
    metrics: Metrics
    clock: Callable[[], float] = time.monotonic
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
