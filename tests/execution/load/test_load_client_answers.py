"""The client against servers that answer, well or badly: outcome, cause, bytes, and one request a row."""

from __future__ import annotations

import gevent
import pytest

from gatebench.execution.load.answer import Answer
from tests.execution.load import behaviours
from tests.execution.load.servers import Behaviour, Call
from tests.execution.load.talking import WIRE, ask, talking_to, verdict


@pytest.mark.parametrize(
    ("behaviour", "status", "body"),
    [
        (behaviours.plain, 200, b'{"ok":1}'),
        (behaviours.chunked, 200, b'{"a":1}'),
        (behaviours.interim, 200, b"{}"),
        (behaviours.no_content, 204, b""),
        (behaviours.announced_close, 200, b'{"ok":1}'),
        (behaviours.http_10_until_close, 200, b"{}"),
        (behaviours.headers_in_pieces, 200, b"{}"),
    ],
)
def test_whole_answers_are_ok(behaviour: Behaviour, status: int, body: bytes) -> None:
    """However a complete 2xx answer is framed, it is ok, with every byte counted and one request on the wire a row."""
    with talking_to(behaviour) as (client, server):
        answers = [ask(client) for _ in range(3)]
        assert [verdict(answer) for answer in answers] == [("ok", "")] * 3
        assert [(answer.status, answer.body) for answer in answers] == [(status, body)] * 3
        assert all(answer.bytes_sent == len(WIRE) for answer in answers)
        assert sum(answer.bytes_received for answer in answers) == server.bytes_said
        assert all(answer.sent_ns <= answer.first_byte_ns <= answer.done_ns for answer in answers)
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("behaviour", "cause", "status"),
    [
        (behaviours.truncated_body, "eof", 200),
        (behaviours.truncated_chunks, "eof", 200),
        (behaviours.truncated_head, "eof", 0),
        (behaviours.only_interim, "eof", 0),
        (behaviours.nothing, "eof", 0),
        (behaviours.reset_at_once, "reset", 0),
        (behaviours.garbage, "malformed", 0),
        (behaviours.bad_chunk, "malformed", 200),
        (behaviours.two_lengths, "malformed", 0),
    ],
)
def test_broken_answers_are_errors_with_their_cause(behaviour: Behaviour, cause: str, status: int) -> None:
    """A broken answer is an error that names its cause, counts its bytes, and is never asked for again."""
    with talking_to(behaviour) as (client, server):
        answers = [ask(client) for _ in range(2)]
        assert [verdict(answer) for answer in answers] == [("error", cause)] * 2
        assert [answer.status for answer in answers] == [status] * 2
        assert sum(answer.bytes_received for answer in answers) == server.bytes_said
        assert [answer.reused for answer in answers] == [0, 0]
        assert len(server.requests) == 2


def test_reset_in_the_middle_of_a_body() -> None:
    """A reset (SO_LINGER 0) after part of the body is `error/reset`, not `eof`."""

    def behaviour(call: Call) -> None:
        call.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart")
        call.server.released.wait(30)
        call.reset()

    with talking_to(behaviour) as (client, server):
        answer = Answer()
        asking = gevent.spawn(client.exchange, answer, WIRE, stream=False)
        while answer.bytes_received == 0:
            gevent.sleep(0.005)
        server.released.set()
        asking.join()
        assert verdict(answer) == ("error", "reset")
        assert answer.status == 200
        assert answer.bytes_received == server.bytes_said
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("429 Too Many Requests", ("rejected", "status")),
        ("503 Service Unavailable", ("error", "status")),
        ("302 Found", ("error", "status")),
        ("404 Not Found", ("error", "status")),
        ("304 Not Modified", ("error", "status")),
    ],
)
def test_statuses(status: str, expected: tuple[str, str]) -> None:
    """429 is a rejection, every other status beyond 2xx an error; a redirect is not followed."""

    def behaviour(call: Call) -> None:
        call.answer(b"", status, headers=b"location: /elsewhere\r\n")

    with talking_to(behaviour) as (client, server):
        answer = ask(client)
        assert verdict(answer) == expected
        assert answer.status == int(status[:3])
        assert len(server.requests) == 1


def test_a_large_body_is_kept_at_both_ends() -> None:
    """Of a large body the first 64 KiB and the end are kept, 1 MiB in all; every byte is counted."""

    def behaviour(call: Call) -> None:
        call.answer(b"head" + b"x" * 3_000_000 + b"tail")

    with talking_to(behaviour) as (client, server):
        answer = ask(client)
        assert verdict(answer) == ("ok", "")
        assert len(answer.body) <= 1 << 20
        assert answer.body.startswith(b"head")
        assert answer.body.endswith(b"tail")
        assert answer.bytes_received == server.bytes_said
