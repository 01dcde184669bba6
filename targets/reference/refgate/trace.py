"""The trace that a request belongs to: https://www.w3.org/TR/trace-context/#traceparent-header."""

from __future__ import annotations

import random
import re

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")
_NOT_SAMPLED = "00"


def join_trace(traceparent: str) -> tuple[str, str]:
    """Return the trace id of `traceparent` and the field that a provider gets: the same trace, this gateway its parent.

    A field that is missing or broken starts a new trace, as the recommendation asks (section 4.3).
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is not None and (traceparent[:2] != "00" or len(traceparent) == 55):
        trace_id, flags = found[1], found[2]
    else:
        trace_id, flags = f"{_draw(128):032x}", _NOT_SAMPLED
    return trace_id, f"00-{trace_id}-{_draw(64):016x}-{flags}"


def _draw(bits: int) -> int:
    """Return a number of `bits` bits that is not zero: an id of zeros is invalid."""
    return random.getrandbits(bits) or 1
