"""Answers whose stamp is in their header alone: unchanged resources, and bodies that a gateway wrote anew."""

from __future__ import annotations

import pytest

from gatebench.execution.load.answer import NO_CAUSE, Answer
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.recorder import last_stamp
from gatebench.execution.load.reply import Reply
from gatebench.sample import ERROR, OK
from gatebench.traffic import Request
from tests.execution.load.test_load_recorder import CLOSING, OTHER, make_flight, row

HEAD = (
    f"HTTP/1.1 304 Not Modified\r\netag: x\r\nX-Gatebench-Stamp: {CLOSING}\r\ncontent-type: text/plain\r\n\r\n".encode()
)
BODY = b"HTTP/1.1 200 OK\r\nx-gatebench-other: gb1\r\ncontent-length: 2\r\n\r\n{}"


def read(*parts: bytes) -> Answer:
    """What a reply understood of bytes that came in parts."""
    reply, answer = Reply(), Answer()
    reply.expect(stream=False)
    for part in parts:
        assert reply.take(part, 1) == NO_CAUSE
    assert reply.complete
    reply.note(answer)
    return answer


def test_the_head_is_kept() -> None:
    """However the bytes are cut; the stamp in it is found by the recorder."""
    for answer in (read(HEAD), read(*(bytes([byte]) for byte in HEAD))):
        assert answer.head == HEAD
        assert last_stamp(answer.head) == CLOSING


def test_the_body_is_not_kept_twice() -> None:
    """What is read after the headers are complete is no longer head; an endless one is cut."""
    answer = read(BODY[:-2], b"{", b"}")
    assert (answer.head, answer.body) == (BODY[:-2], b"{}")
    reply = Reply()
    reply.expect(stream=False)
    for _ in range(300):
        reply.take(b"HTTP/1.1 200 OK\r\n" if not reply._head else b"x-a: " + b"b" * 1000 + b"\r\n", 1)
    assert len(reply._head) < 70_000


def test_the_next_answer_begins_anew() -> None:
    """A connection's second answer does not inherit the stamp of its first."""
    reply, answer = Reply(), Answer()
    for data in (HEAD, BODY):
        reply.expect(stream=False)
        reply.take(data, 1)
    reply.note(answer)
    assert answer.head == BODY


def test_the_body_goes_first(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The head's stamp counts where the body has none."""
    header_only, both = make_flight(), make_flight(str(CLOSING).encode())
    header_only.answer.head = both.answer.head = b"x-gatebench-stamp: " + str(OTHER).encode()
    assert row(tmp_path_factory.mktemp("a"), header_only)["attempt"] == OTHER.attempt
    assert row(tmp_path_factory.mktemp("b"), both)["attempt"] == CLOSING.attempt


@pytest.mark.parametrize(("headers", "outcome"), [(b'if-none-match: "a"\r\n', OK), (b"", ERROR), (b"a: b\r\n", ERROR)])
def test_unchanged_is_good_where_it_was_asked_for(headers: bytes, outcome: int) -> None:
    """A 304 to a request without a condition is no answer."""
    request = Request("GET", "/rest/items/1", b"", 0, 0, False, 1, headers=headers)
    answer = Flight(1, 0, 0, due_ns=0, request=request, wire=b"").answer
    answer.status = 304
    answer.conclude(NO_CAUSE, 5, stream=False)
    assert answer.outcome == outcome
