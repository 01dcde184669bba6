"""Server-sent events through the client: tokens, gaps, and whether the end was said."""

from __future__ import annotations

import time

import pytest

from gatebench.sample import NEVER
from tests.execution.load.behaviours import DONE, END, ROLE, SSE, STOP, chunk, streaming, token
from tests.execution.load.servers import Behaviour, Call
from tests.execution.load.talking import ask, talking_to, verdict

WRONG = chunk(b'data: {"error":{"message":"gone","type":"server_error"}}\n\n')


@pytest.mark.parametrize(
    ("behaviour", "expected", "tokens", "terminal"),
    [
        (streaming(SSE, ROLE, token("a"), token("b"), STOP, DONE, END), ("ok", ""), 2, 1),
        (streaming(SSE, ROLE, token("a"), token("b"), STOP, END), ("error", "truncated"), 2, 0),
        (streaming(SSE, ROLE, token("a"), WRONG, END), ("error", "in_band"), 1, 0),
        (streaming(SSE, ROLE, token("a"), WRONG, DONE, END), ("error", "in_band"), 1, 1),
        (streaming(SSE, ROLE, token("a"), WRONG, finish=Call.close), ("error", "eof"), 1, 0),
        (streaming(SSE, ROLE, token("a"), finish=Call.close), ("error", "eof"), 1, 0),
        (streaming(SSE, ROLE, token("a"), DONE, finish=Call.close), ("error", "eof"), 1, 1),
        (streaming(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), ("error", "truncated"), 0, 0),
        (streaming(b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}"), ("error", "status"), 0, 0),
        (streaming(b"HTTP/1.1 429 Slow\r\ncontent-length: 2\r\n\r\n{}"), ("rejected", "status"), 0, 0),
    ],
)
def test_streams(behaviour: Behaviour, expected: tuple[str, str], tokens: int, terminal: int) -> None:
    """A stream is ok only when it ends properly and says [DONE]; its tokens are counted either way."""
    with talking_to(behaviour) as (client, server):
        answer = ask(client, stream=True)
        assert verdict(answer) == expected
        assert (answer.tokens, answer.terminal) == (tokens, terminal)
        assert answer.bytes_received == server.bytes_said
        assert (answer.first_token_ns != NEVER) == (tokens > 0)
        assert len(server.requests) == 1


def test_first_token_and_gap_of_a_stream_are_times_of_content() -> None:
    """The first token is not the first byte: headers and the role event come before; the longest gap lies between tokens."""
    paused: list[int] = []

    def behaviour(call: Call) -> None:
        call.say(SSE + ROLE)
        paused.append(time.monotonic_ns())
        time.sleep(0.08)
        paused.append(time.monotonic_ns())
        call.say(token("a"))
        paused.append(time.monotonic_ns())
        time.sleep(0.06)
        paused.append(time.monotonic_ns())
        call.say(token("b") + DONE + END)

    with talking_to(behaviour) as (client, _):
        answer = ask(client, stream=True)
        assert verdict(answer) == ("ok", "")
        assert answer.first_token_ns >= paused[1]
        assert answer.first_byte_ns <= answer.first_token_ns - 1
        assert answer.gap_max_us <= (answer.done_ns - paused[1]) // 1000
        assert answer.gap_max_us * 1000 <= answer.done_ns - answer.first_token_ns


def test_a_stream_without_framing_that_ends_with_the_connection() -> None:
    """A stream may end by closing the connection (RFC 9112 section 6.3): with [DONE] it is ok, without it truncated."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    event = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    for end, expected in ((b"data: [DONE]\n\n", ("ok", "")), (b"", ("error", "truncated"))):
        with talking_to(streaming(head, event, end, finish=Call.close)) as (client, _):
            assert verdict(ask(client, stream=True)) == expected
