"""A HEAD is answered with the length of a body that does not come (RFC 9110 section 9.3.2)."""

from __future__ import annotations

from tests.execution.load import behaviours
from tests.execution.load.servers import Call
from tests.execution.load.talking import ask, talking_to, verdict

HEAD = b"HEAD /v1/models HTTP/1.1\r\nhost: test\r\n\r\n"


def bodiless(call: Call) -> None:
    """Answer a HEAD as one should, anything else with a body."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n"
    call.say(head if call.request.startswith(b"HEAD") else head + b'{"ok":1}')


def test_the_answer_to_a_head_ends_with_its_headers() -> None:
    """No body is waited for, and the connection serves the next request, which has one again."""
    with talking_to(bodiless, read_ms=10_000) as (client, server):
        answers = [ask(client, HEAD), ask(client), ask(client, HEAD)]
        assert [verdict(answer) for answer in answers] == [("ok", "")] * 3
        assert [(answer.status, answer.body) for answer in answers] == [(200, b""), (200, b'{"ok":1}'), (200, b"")]
        assert [answer.reused for answer in answers] == [0, 1, 1]
        assert len(server.requests) == 3


def test_a_body_after_a_head_costs_the_connection() -> None:
    """A server that sends one all the same is not believed to be in step: the answer stands, the connection does not."""
    with talking_to(behaviours.plain, read_ms=10_000) as (client, _):
        answers = [ask(client, HEAD), ask(client)]
        assert [verdict(answer) for answer in answers] == [("ok", "")] * 2
        assert [answer.body for answer in answers] == [b"", b'{"ok":1}']
        assert [answer.reused for answer in answers] == [0, 0]
