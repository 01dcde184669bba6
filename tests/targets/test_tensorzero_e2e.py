"""TensorZero's gateway as its Python package embeds it, in front of two real servers: what it passes on, and how its streams end."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.targets import completions
from tests.targets.completions import CHAT, FIRST, REST, ask, chats, completes, completes_in_stream, content, said
from tests.targets.conftest import Start
from tests.targets.fake_provider import Behaviour, FakeProvider, Gate, Stage, drops, status

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
BODY = {**completions.BODY, "model": "tensorzero::model_name::gatebench-small"}
STREAM = {**BODY, "stream": True}


@pytest.fixture(autouse=True)
def _providers_complete(first: FakeProvider, second: FakeProvider) -> None:
    first.behave = second.behave = completes


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_request_passes_through(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """The user reaches the first provider when it is asked for in the gateway's own way; by itself it does not, and no header does."""
    gateway = start("tensorzero", profile=profile)
    own = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1"}
    extra = [{"pointer": "/user", "value": "gb-1"}]
    assert said(ask(client, gateway, {**BODY, "tensorzero::extra_body": extra}, own)) == (200, "provider-a")
    assert said(ask(client, gateway, {**BODY, "user": "gb-1"}, own)) == (200, "provider-a")
    bodies = [json.loads(seen.body) for seen in chats(first)]
    assert [body.get("user") for body in bodies] == ["gb-1", None]
    assert [body["model"] for body in bodies] == ["gatebench-small"] * 2
    assert not {name.lower() for seen in chats(first) for name in seen.headers} & own.keys()


@pytest.mark.parametrize("behave", [drops, status(500), status(400)])
def test_nobody_notices_that_the_first_provider_fails(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """POST goes to the next provider within the request, streams too, after a 400 as well, and each one asks the first again."""
    gateway = start("tensorzero")
    first.behave = behave
    assert [said(ask(client, gateway, BODY)) for _ in range(5)] == [(200, "provider-b")] * 5
    second.behave = completes_in_stream
    assert content(ask(client, gateway, STREAM).content) == "provider-b"
    assert (len(chats(first)), len(chats(second))) == (6, 6)


def test_who_does_not_answer_is_given_up(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """After the timeout of an attempt the second provider is asked, and the first one's connection is closed."""
    gateway = start("tensorzero", profile="tuned")
    gate = Gate(stage)
    first.behave = gate.before(completes)
    answer = ask(client, gateway, BODY)
    assert said(answer) == (200, "provider-b")
    assert answer.elapsed.total_seconds() >= 1.0
    assert gate.left.wait(10)


def test_a_stream_passes_piece_by_piece(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """The first event is here while the provider still holds back the rest; its terminal event comes last."""
    gateway = start("tensorzero")
    gate = Gate(stage)
    first.behave = gate.within_stream(REST, FIRST)
    with client.stream("POST", f"{gateway.url}{CHAT}", json=STREAM) as answer:
        pieces = answer.iter_raw()
        assert content(next(pieces)) == "one"
        gate.open()
        rest = b"".join(pieces)
    assert content(rest) == " two"
    assert rest.strip().endswith(b"data: [DONE]")


def test_a_stream_that_breaks_off_ends_with_an_error_and_the_terminal_event(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Who reads only up to [DONE] and overlooks the error takes half an answer for a whole one."""
    gateway = start("tensorzero")
    gate = Gate(stage)
    first.behave = gate.within_stream(first=FIRST, then=drops)
    with client.stream("POST", f"{gateway.url}{CHAT}", json=STREAM) as answer:
        pieces = answer.iter_raw()
        assert content(next(pieces)) == "one"
        gate.open()
        rest = b"".join(pieces)
    events = [line.removeprefix(b"data: ") for line in rest.splitlines() if line]
    assert "error" in json.loads(events[0])
    assert events[-1] == b"[DONE]"
    assert (len(chats(first)), len(chats(second))) == (1, 0)


def test_nothing_else_is_served(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """No list of models, no health, no metrics; and a model that is not called by its prefix is refused."""
    gateway = start("tensorzero")
    origin = gateway.prepared.origin
    paths = [f"{gateway.url}/v1/models", f"{origin}/health", f"{origin}/status", f"{origin}/metrics"]
    assert [client.get(path).status_code for path in paths] == [404] * 4
    assert ask(client, gateway).status_code == 400
    assert first.seen == []


def test_sigterm_ends_it(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """It ends by itself, and soon."""
    gateway = start("tensorzero")
    assert said(ask(client, gateway, BODY)) == (200, "provider-a")
    gateway.terminate()
    assert gateway.wait() == [0]
