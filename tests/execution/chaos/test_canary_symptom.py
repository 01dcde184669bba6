"""An answer is only an answer when it is whole, of the right type, well-formed, ended and rightly counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gatebench.execution.chaos.question import Question, asked_of_link, asked_of_provider, path_for
from gatebench.execution.chaos.symptom import symptom
from gatebench.faults import Value
from gatebench.stamp import find_stamp
from tests.execution.chaos.planned_fault import shipped
from tests.execution.upstream.serving import Rig

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
STAMP = "gb1~a~1~1~0123456789abcdef~~1~"


def question(route: str = "", fault: str = "provider-errors", **about: Value) -> Question:
    """What a fault's canary asks."""
    return asked_of_provider(shipped(fault), {"route": route, **about})


def answer(folder: Path, asked: Question) -> tuple[int, str, bytes]:
    """What a real provider answers to it: status, content type and body."""
    rig = Rig(folder)
    lines = [f"{name}: {value}\r\n" for name, value in (*asked.headers, ("connection", "close"), ("host", "h"))]
    body = asked.body or b""
    head = f"{asked.method} {asked.path} HTTP/1.0\r\n{''.join(lines)}content-length: {len(body)}\r\n\r\n"

    async def test(rig: Rig) -> bytes:
        async with asyncio.timeout(5):
            return await rig.ask(head.encode() + body)

    said, _, content = rig.run(test).partition(b"\r\n\r\n")
    types = [line.partition(b": ")[2] for line in said.split(b"\r\n") if line.startswith(b"content-type: ")]
    assert find_stamp(said) is not None
    return int(said[9:12]), types[0].decode(), content


STREAMED = "stream-stall"
ROUTES = ["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/models", "/rest/items/3"]


@pytest.mark.parametrize("fault", ["provider-errors", STREAMED])
@pytest.mark.parametrize("route", ROUTES)
def test_a_right_answer_is_an_answer(tmp_path: Path, route: str, fault: str) -> None:
    """Of every API, whole and streamed where there are streams, as our providers give it."""
    asked = question(route, fault)
    assert asked.path == route
    assert asked.stream is (fault == STREAMED and route in ROUTES[:2])
    assert symptom(asked, *answer(tmp_path, asked)) == "answer"


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fault", ["provider-errors", STREAMED])
def test_every_cut_of_an_answer_is_seen(tmp_path: Path, route: str, fault: str) -> None:
    """Wherever a body ends too early, it is malformed, or a stream without its end; never an answer."""
    asked = question(route, fault)
    status, kind, body = answer(tmp_path, asked)
    met = {symptom(asked, status, kind, body[:length]) for length in range(len(body))}
    assert met <= {"malformed", "unterminated"}


@pytest.mark.parametrize("fault", ["provider-errors", STREAMED])
@pytest.mark.parametrize("route", ROUTES[:3])
def test_wrong_answers_of_a_provider(tmp_path: Path, route: str, fault: str) -> None:
    """A status, a type, a count, an event out of its place: each has its word."""
    asked = question(route, fault)
    status, kind, body = answer(tmp_path, asked)
    assert symptom(asked, 503, kind, body) == "status 503"
    assert symptom(asked, 304, kind, b"") == "status 304"
    assert symptom(asked, status, "text/html", body) == "content-type"
    assert symptom(asked, status, "", body) == "content-type"
    assert symptom(asked, status, JSON if asked.stream else EVENTS, body) == "content-type"
    assert symptom(asked, status, kind, b"[]" if not asked.stream else b"data: []\n\n") == "malformed"
    for count in (b'"prompt_tokens":', b'"input_tokens":', b'"output_tokens":', b'"completion_tokens":'):
        if count in body:
            assert symptom(asked, status, kind, body.replace(count, count + b"1")) == "usage"
    if asked.stream:
        first = body.index(b"w2")
        assert symptom(asked, status, kind, body[:first] + b"w3" + body[first + 2 :]) == "malformed"
        assert symptom(asked, status, kind, body + body) == "malformed"
        whole = body.split(b"\n\n")
        assert symptom(asked, status, kind, b"\n\n".join([*whole[:-2], b""])) == "unterminated"


def test_a_link_leads_to_anything() -> None:
    """Over a link every 2xx is an answer: what is behind it may be a gateway."""
    asked = asked_of_link("/v1/models")
    assert (asked.method, asked.path, asked.body) == ("GET", "/v1/models", None)
    assert [symptom(asked, status, "text/html", b"") for status in (200, 204, 404)] == [
        "answer",
        "answer",
        "status 404",
    ]


class TestWhatIsAsked:
    def test_it_matches_the_fault(self) -> None:
        """Route, model and tenant are those that the fault is about."""
        asked = question("/v1/mes", model="big", tenant="tenant-1")
        assert asked.path == "/v1/messages"
        assert b'"model":"big"' in (asked.body or b"")
        assert ("x-gatebench-tenant", "tenant-1") in asked.headers

    @pytest.mark.parametrize(
        ("route", "path"),
        [
            ("", "/v1/chat/completions"),
            ("/", "/v1/chat/completions"),
            ("/v1/e", "/v1/embeddings"),
            ("/rest/", "/rest/items/0"),
            ("/rest/news", "/rest/news/0"),
            ("/rest/news/", "/rest/news/0"),
            ("/rest/news/17", "/rest/news/17"),
            ("/v2", None),
            ("v1", None),
        ],
    )
    def test_the_path_for_a_route(self, route: str, path: str | None) -> None:
        """The first that begins so; for a resource the one that is named."""
        assert path_for(route) == path
