"""The reader of server-sent events: what counts as a token, as the end, and as nothing."""

from __future__ import annotations

import pytest

from gatebench.execution.load.events import LINE_LIMIT, EventReader
from gatebench.sample import ERROR_EVENT, NEVER, TOKEN_AGAIN, TOKEN_MISSING

MS = 1_000_000
A = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}\n\n'
START = b'event: message_start\ndata: {"type":"message_start","message":{"content":[],"usage":{"output_tokens":1}}}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
BROKEN = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"message_stop"}}\n\n'
STOP = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'


def read(*parts: bytes) -> EventReader:
    """Feed each part one millisecond after the other, from 1 ms."""
    reader = EventReader()
    for number, part in enumerate(parts, start=1):
        reader.feed(part, number * MS)
    reader.end()
    return reader


@pytest.mark.parametrize(
    ("parts", "tokens", "terminal"),
    [
        ((A, A, DONE), 2, True),
        ((A + A + DONE,), 2, True),
        ((A.replace(b"\n", b"\r\n"), DONE.replace(b"\n", b"\r\n")), 1, True),
        (tuple(bytes([byte]) for byte in A + DONE), 1, True),
        ((A,), 1, False),
        ((A, b"data: [DONE]"), 1, True),  # only the empty line is missing: the end was said
        ((A[:-1],), 0, False),  # an event that never ended is no event
        ((b": comment\n\nevent: x\nid: 7\nretry: 3\n\n",), 0, False),
        ((b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',), 0, False),
        ((b'data: {"choices":[{"delta":{"content":null}}]}\n\n',), 0, False),
        ((b'data: {"choices":[],"usage":{"content":1}}\n\n',), 0, False),
        ((b'data: {"content" broken\n\n',), 0, False),
        ((b'data: ["content"]\n\n',), 0, False),
        ((b'data: {"choices":[{"delta":\ndata: {"content":"a"}}]}\n\n',), 1, False),  # two data lines are one event
        ((b'data: {"choices":[{"delta":{"content":"[DONE]"}}]}\n\n',), 1, False),
        ((b"data:[DONE]\n\n",), 0, True),
        ((START, PING, DELTA, PING, DELTA, STOP), 2, True),  # the shape of Anthropic's messages
        ((START + DELTA, STOP[:-2]), 1, True),
        ((START, DELTA), 1, False),
        ((START, DELTA, BROKEN), 1, False),  # an error within the stream is no end
        ((DELTA.replace(b'"a"', b'""'), STOP), 0, True),
        ((DELTA.replace(b'"a"', b'"\\"message_stop\\""'),), 1, False),
        ((DELTA.replace(b"text_delta", b"input_json_delta"),), 0, False),
        ((b'data: {"type":"content_block_start","content_block":{"type":"text_delta","text":"a"}}\n\n',), 0, False),
        ((b'data: {"type":"content_block_delta","delta":["text_delta"]}\n\n',), 0, False),
        ((b'data: ["message_stop"]\n\n', b'data: "message_stop"\n\n', b'data: {"message_stop" \n\n'), 0, False),
    ],
)
def test_what_counts(parts: tuple[bytes, ...], tokens: int, terminal: bool) -> None:
    """A token is an event with content, the end is [DONE]; how the bytes are cut does not matter."""
    reader = read(*parts)
    assert (reader.tokens, reader.terminal) == (tokens, terminal)


def test_times_are_those_of_content_events() -> None:
    """First token at 2 ms; tokens at 2, 3 and 6 ms give a longest gap of 3 ms; other events do not count."""
    reader = read(b": hello\n\n", A, A, b": ping\n\n", b": ping\n\n", A, DONE)
    assert reader.first_token_ns == 2 * MS
    assert reader.gap_max_ns == 3 * MS


def test_times_of_a_message_are_those_of_its_text() -> None:
    """First token at 2 ms, tokens at 2, 4 and 5 ms; the beginning, a ping and an error are none."""
    reader = read(START, DELTA, PING, DELTA, DELTA, BROKEN)
    assert reader.first_token_ns == 2 * MS
    assert reader.gap_max_ns == 2 * MS


def test_without_a_token_there_is_no_time() -> None:
    """A stream without content has no first token and no gap."""
    reader = read(DONE)
    assert (reader.first_token_ns, reader.gap_max_ns) == (NEVER, 0)


def test_an_endless_line_does_not_fill_the_memory() -> None:
    """A line beyond the limit is dropped, and the events after it are read."""
    reader = read(b"data: " + b"x" * (LINE_LIMIT + 1), b"\n\n", A)
    assert reader.tokens == 1


@pytest.mark.parametrize(
    ("numbers", "flaws"),
    [
        ([1, 2, 3], 0),
        ([1, 2, 2, 3], TOKEN_AGAIN),
        ([1, 2, 1, 2, 3], TOKEN_AGAIN),
        ([1, 3], TOKEN_MISSING),
        ([2, 3], TOKEN_MISSING),
        ([1, 3, 2, 4], TOKEN_AGAIN | TOKEN_MISSING),
    ],
)
def test_numbered_tokens_that_come_again_or_never(numbers: list[int], flaws: int) -> None:
    """The words of an answer are numbered from 1, whatever stands beside them."""
    reader = EventReader()
    for number in numbers:
        reader.feed(b'data: {"choices":[{"delta":{"content":"gb1~a~1~ w%d"}}]}\n\n' % number, 1)
    assert reader.flaws == flaws


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (BROKEN, True),
        (b'data: {"error":{"message":"the provider is gone","type":"server_error"}}\n\n', True),
        (b'data: {"type":"error","error":{"type":"overloaded_error"}}\n\n', True),
        (b"event: error\ndata: gone\n\n", True),
        (b"event:error\r\ndata: gone\r\n\r\n", True),
        (b"event: error\n\n", False),  # without data it is no event
        (b"event: error\nevent: ping\ndata: {}\n\n", False),  # the last name counts
        (b'data: {"choices":[],"error":null}\n\n', False),
        (b'data: {"choices":[{"delta":{"content":"an \\"error\\" w1"}}]}\n\n', False),
        (b'data: {"error" \n\n', False),
        (b'data: ["error"]\n\n', False),
    ],
)
def test_an_error_event_is_seen(event: bytes, said: bool) -> None:
    """An error within a stream is said by the name of its event or by its data, in both shapes; what follows is as before."""
    assert bool(read(event, A, DONE).flaws & ERROR_EVENT) is said
    assert read(event, A, DONE).terminal
