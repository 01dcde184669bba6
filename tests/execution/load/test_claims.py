"""What an answer says of itself, read from its bytes."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from gatebench.execution.load.claims import NO_CLAIMS, NO_USAGE, claims, usage
from gatebench.sample import CLAIMS_HIT, CLAIMS_MISS, CLAIMS_STALE, NO_CLAIM, NO_RETRY_AFTER, NO_USAGE_IN


def head(*lines: str) -> bytes:
    """Return the head of an answer with these fields, and a body that must not be read."""
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", "\r\nx-cache: HIT\r\n"]).encode()


@pytest.mark.parametrize(
    ("line", "claim"),
    [
        ("X-Cache: HIT", CLAIMS_HIT),
        ("x-cache: Hit from cloudfront", CLAIMS_HIT),
        ("X-Cache-Status: MISS", CLAIMS_MISS),
        ("X-Proxy-Cache: EXPIRED", CLAIMS_MISS),
        ("X-Cache: STALE", CLAIMS_STALE),
        ("X-Cache-Status: UPDATING", CLAIMS_STALE),
        ("Cache-Status: ExampleCache; hit; ttl=3", CLAIMS_HIT),
        ("Cache-Status: ExampleCache; fwd=uri-miss", CLAIMS_MISS),
        ("Age: 3", CLAIMS_HIT),
        ("Age: 0", NO_CLAIM),
        ("X-Other: HIT", NO_CLAIM),
    ],
)
def test_what_headers_say_of_a_cache(line: str, claim: int) -> None:
    """The names and words that gateways use; a body is no header."""
    assert claims(head(line)).cache == claim


def test_a_field_that_says_more_wins_over_age() -> None:
    """An Age beside a miss is the origin's."""
    assert claims(head("Age: 3", "X-Cache: MISS")).cache == CLAIMS_MISS
    assert claims(head("X-Cache: MISS", "Age: 3")).cache == CLAIMS_MISS


def test_when_to_come_back() -> None:
    """Seconds, a date, and what is neither."""
    assert claims(head("Retry-After: 12")).retry_after_s == 12
    assert claims(head("Retry-After: 1.2")).retry_after_s == 2
    soon = claims(head(f"Retry-After: {formatdate(time.time() + 30, usegmt=True)}")).retry_after_s
    assert 28 <= soon <= 31
    assert claims(head("Retry-After: 999999999")).retry_after_s == NO_RETRY_AFTER - 1
    assert claims(head("Retry-After: soon")).retry_after_s == NO_RETRY_AFTER
    assert claims(head("Server: x")) == NO_CLAIMS


def test_what_a_body_bills() -> None:
    """The last usage counts; an Anthropic stream says what it read in its first event."""
    assert usage(b'{"usage":{"prompt_tokens":4,"completion_tokens":7,"total_tokens":11}}') == (4, 7)
    assert usage(b'{"usage":{"input_tokens":4,"output_tokens":7}}') == (4, 7)
    streamed = b'data: {"usage":{"input_tokens":9,"output_tokens":1}}\n\ndata: {"usage":{"output_tokens":24}}\n\n'
    assert usage(streamed) == (9, 24)
    assert usage(b'{"usage":null}')[0] == NO_USAGE_IN
    assert usage(b"{}") == NO_USAGE
