"""Which requests are executed once however often they come."""

from __future__ import annotations

from typing import Literal

from .section import Seconds, SecondsOrOff, Section


class IdempotencyConfig(Section):
    """With `on` a key of the client's (Idempotency-Key) is good for one execution in `ttl_s`.

    A duplicate that comes while the first one is executed has a `conflict` (409), or it waits. `dedup_window_s`: within
    this time of a request the same one of the same tenant has the same answer, without any key; 0 is off.
    """

    on: bool = False
    ttl_s: Seconds = 60
    concurrent: Literal["conflict", "wait"] = "conflict"
    dedup_window_s: SecondsOrOff = 0
