"""One attempt against a real socket: what it calls an answer, what a failure, and that it sends once."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole
from targets.reference.refgate.attempt import attempt
from targets.reference.refgate.client import open_session
from targets.reference.refgate.first_token import FirstToken
from tests.targets.fake_provider import (
    FIRST_EVENT,
    Behaviour,
    FakeProvider,
    Gate,
    Stage,
    announces,
    answers,
    dies_before_first_event,
    drops,
    ends_before_first_event,
    status,
    streams,
    talks_nonsense,
    truncates,
)

POST = Outgoing("POST", "/v1/chat/completions", CIMultiDict({"X-Request-Id": "gb-1"}), b'{"model": "m"}')
GET = Outgoing("GET", "/v1/models?limit=1", CIMultiDict(), b"")


def ask(provider: FakeProvider, outgoing: Outgoing = POST, limit_s: float = 10.0) -> Whole | Stream | Failure:
    """Make one attempt over a fresh connection."""

    async def once() -> Whole | Stream | Failure:
        async with open_session(1.0) as session:
            result = await attempt(session, provider.url, outgoing, limit_s)
            if isinstance(result, Stream):
                result.upstream.release()
            return result

    return asyncio.run(once())


def test_what_is_sent_arrives(first: FakeProvider) -> None:
    """Method, path with query, fields and body arrive as they are, and nothing is added but length and host."""
    assert isinstance(ask(first, POST), Whole)
    assert isinstance(ask(first, GET), Whole)
    post, get = first.seen
    assert (post.method, post.path, post.body) == ("POST", "/v1/chat/completions", POST.body)
    assert (get.method, get.path, get.body) == ("GET", "/v1/models?limit=1", b"")
    assert {name.lower() for name in post.headers} == {"host", "x-request-id", "content-length"}
    assert {name.lower() for name in get.headers} == {"host"}


@pytest.mark.parametrize("number", [200, 201, 302, 400, 401, 404, 422])
def test_answers(first: FakeProvider, number: int) -> None:
    """Whatever does not say "not now" is an answer, errors of the client's making included."""
    first.behave = status(number)
    result = ask(first)
    assert isinstance(result, Whole)
    assert result.status == number
    assert b"from the provider" in result.body


@pytest.mark.parametrize("number", [408, 429, 500, 502, 503, 504])
def test_refusals(first: FakeProvider, number: int) -> None:
    """408, 429 and 5xx are failures, with the time the provider asks for."""
    first.behave = status(number, Retry_After="7")
    assert ask(first) == Failure("status", number, retry_after_s=7.0)


@pytest.mark.parametrize(
    ("behave", "failure"),
    [
        (drops, Failure("dropped")),
        (truncates, Failure("dropped", partial=True)),
        (talks_nonsense, Failure("malformed")),
        (dies_before_first_event, Failure("dropped")),
        (ends_before_first_event, Failure("dropped")),
    ],
)
def test_failures(first: FakeProvider, behave: Behaviour, failure: Failure) -> None:
    """A connection that closes is told from one that closes within an answer, and from one that speaks no HTTP."""
    first.behave = behave
    assert ask(first) == failure


def test_a_closed_port_is_a_failure_to_connect(stage: Stage, first: FakeProvider) -> None:
    """Nobody listens: the request was not executed."""
    stage.do(first.stop())
    assert ask(first) == Failure("connect")


def test_silence_is_a_timeout(stage: Stage, first: FakeProvider) -> None:
    """A provider that hangs costs the limit, and its connection is closed so that it can stop working."""
    gate = Gate(stage)
    first.behave = gate.before(answers)
    for limit_s in (0.05, 0.5, 5.0):  # within the shortest a busy machine may not even have connected
        assert ask(first, limit_s=limit_s) == Failure("timeout")
        if gate.reached.is_set():
            break
    assert gate.left.wait(10)


def test_a_stream_is_handed_over_with_its_first_bytes(first: FakeProvider) -> None:
    """The attempt ends when the stream begins."""
    first.behave = streams
    result = ask(first)
    assert isinstance(result, Stream)
    assert result.first.startswith(FIRST_EVENT)


ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"w1"},"finish_reason":null}]}\n\n'
START = b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n: a comment\n\n'


@pytest.mark.parametrize("events", [(), (ROLE,), (START, PING), (TOKEN[:20],), (b": wait\n\n",)])
def test_a_stream_that_dies_before_its_first_token_is_a_failure(first: FakeProvider, events: tuple[bytes, ...]) -> None:
    """An announcement, a ping and half a token are nothing that anybody has seen: another provider may be asked."""
    first.behave = announces(*events, then=drops)
    result = ask(first)
    assert result == Failure("dropped")
    assert result.may_be_retried("POST")


@pytest.mark.parametrize("event", [TOKEN, b"data: [DONE]\n\n", b'data: {"error": {}}\n\n', b"data: 1\n\n"])
def test_a_stream_that_dies_after_its_first_token_is_a_stream(first: FakeProvider, event: bytes) -> None:
    """What is more than an announcement may have been seen; all that came before it goes with it."""
    first.behave = announces(ROLE, event, then=drops)
    result = ask(first)
    assert isinstance(result, Stream)
    assert result.first.startswith(ROLE)
    assert event in result.first


def test_a_token_that_hides_is_not_waited_for_forever() -> None:
    """After 64 kB without an event the stream has begun."""
    token = FirstToken()
    assert not token.came(b": " + b"x" * 60_000)
    assert token.came(b"x" * 6_000)


def stale(session_options: dict[str, Any], first: FakeProvider) -> int:
    """Return how often a GET arrives that is sent over a kept connection which the provider then drops."""

    async def twice() -> None:
        async with aiohttp.ClientSession(**session_options) as session:
            assert isinstance(await attempt(session, first.url, GET, 10.0), Whole)
            first.seen.clear()
            first.behave = drops
            assert await attempt(session, first.url, GET, 10.0) == Failure("dropped")

    first.behave = answers
    asyncio.run(twice())
    return len(first.seen)


def test_a_get_is_sent_once_over_a_stale_connection(first: FakeProvider) -> None:
    """aiohttp repeats a GET by itself when a kept connection breaks; our middleware keeps it from doing so."""

    async def middlewares() -> tuple[Any, ...]:
        async with open_session(1.0) as session:
            return tuple(session._middlewares)

    assert stale({"middlewares": asyncio.run(middlewares())}, first) == 1
    assert stale({}, first) == 2  # without it the provider sees the request twice: the check can fail
