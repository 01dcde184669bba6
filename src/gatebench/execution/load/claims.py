"""What an answer says of itself: when to come back, whether a cache made it, and what it bills."""

from __future__ import annotations

import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from gatebench.sample import (
    CLAIMS_HIT,
    CLAIMS_MISS,
    CLAIMS_STALE,
    NO_CLAIM,
    NO_RETRY_AFTER,
    NO_USAGE_IN,
    NO_USAGE_OUT,
)

_FIELDS: Final = re.compile(
    rb"\r\n(retry-after|x-cache|x-cache-status|x-proxy-cache|cache-status|age):[ \t]*([^\r\n]*)", re.IGNORECASE
)
_TOKENS_IN: Final = re.compile(rb'"(?:prompt_tokens|input_tokens)"[ \t]*:[ \t]*(\d{1,9})')
_TOKENS_OUT: Final = re.compile(rb'"(?:completion_tokens|output_tokens)"[ \t]*:[ \t]*(\d{1,9})')
_USAGE: Final = b'"usage"'
NO_USAGE: Final = (NO_USAGE_IN, NO_USAGE_OUT)


class Claims(NamedTuple):
    """As in `gatebench.sample.SAMPLE`: Retry-After in seconds, and the code of what is said of a cache."""

    retry_after_s: int
    cache: int


NO_CLAIMS: Final = Claims(NO_RETRY_AFTER, NO_CLAIM)


def claims(head: bytes) -> Claims:
    """Return what the header fields of an answer say; `head` may hold a part of its body."""
    found = _FIELDS.findall(head, 0, max(0, head.find(b"\r\n\r\n")) or len(head))
    if not found:
        return NO_CLAIMS
    retry_after_s, cache = NO_RETRY_AFTER, NO_CLAIM
    for name, value in found:
        if name[:1] in b"rR":
            retry_after_s = _retry_after_s(value)
        elif len(name) > 3:
            cache = _cache(value.lower()) or cache
        elif cache == NO_CLAIM and value.strip().isdigit() and int(value) > 0:  # RFC 9111 section 5.1: a cache answered
            cache = CLAIMS_HIT
    return Claims(retry_after_s, cache)


def usage(body: bytes) -> tuple[int, int]:
    """Return the prompt and completion tokens that a body bills; what it does not name is NO_USAGE_IN, NO_USAGE_OUT.

    The last usage of a body counts. Those of an Anthropic stream stand in two events: what it read in the first, what it
    wrote in the last.
    """
    last = body.rfind(_USAGE)
    if last < 0:
        return NO_USAGE
    read, wrote = _TOKENS_IN.search(body, last), _TOKENS_OUT.search(body, last)
    if read is None:
        read = _TOKENS_IN.search(body, max(0, body.find(_USAGE)))
    return min(int(read[1]), NO_USAGE_IN - 1) if read else NO_USAGE_IN, int(wrote[1]) if wrote else NO_USAGE_OUT


def _retry_after_s(value: bytes) -> int:
    """Return the wait of a Retry-After field, which names seconds or a date (RFC 9110 section 10.2.3)."""
    text = value.decode("latin-1").strip()
    try:
        seconds = (
            float(text)
            if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text)
            else parsedate_to_datetime(text).timestamp() - time.time()
        )
    except (ValueError, OverflowError):
        return NO_RETRY_AFTER
    return math.ceil(min(max(0.0, seconds), NO_RETRY_AFTER - 1))


def _cache(value: bytes) -> int:
    """Return the claim of `x-cache: HIT`, `cache-status: ExampleCache; hit` (RFC 9211) and their kin."""
    if b"stale" in value or b"updating" in value:
        return CLAIMS_STALE
    if b"hit" in value and b"miss" not in value:
        return CLAIMS_HIT
    return CLAIMS_MISS if b"miss" in value or b"fwd" in value or b"expired" in value or b"bypass" in value else NO_CLAIM
