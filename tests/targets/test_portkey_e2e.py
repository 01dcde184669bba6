"""Portkey's open gateway as npm installs it, in front of two real servers: told by a header where to go, what it does there."""

from __future__ import annotations

import json
import signal

import httpx
import pytest

from tests.targets.completions import (
    BODY,
    CHAT,
    FIRST,
    REST,
    STREAM,
    ask,
    chats,
    completes,
    completes_in_stream,
    content,
    said,
    sent,
)
from tests.targets.conftest import Start
from tests.targets.fake_provider import Behaviour, FakeProvider, Gate, Stage, drops, status

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _providers_complete(first: FakeProvider, second: FakeProvider) -> None:
    first.behave = second.behave = completes


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_request_passes_through(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """The body's user, the request's id and its tenant reach the first provider."""
    gateway = start("portkey", profile=profile)
    own = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1"}
    assert said(ask(client, gateway, {**BODY, "user": "gb-1"}, own)) == (200, "provider-a")
    [seen] = chats(first)
    assert json.loads(seen.body)["user"] == "gb-1"
    assert own.items() <= {name.lower(): value for name, value in seen.headers.items()}.items()


@pytest.mark.parametrize("behave", [drops, status(500), status(429)])
def test_nobody_notices_that_the_first_provider_fails(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """POST falls back within the request, streams too, and each one asks the first provider again."""
    gateway = start("portkey")
    first.behave = behave
    assert [said(ask(client, gateway)) for _ in range(5)] == [(200, "provider-b")] * 5
    second.behave = completes_in_stream
    assert content(ask(client, gateway, STREAM).content) == "provider-b"
    assert (len(chats(first)), len(chats(second))) == (6, 6)


def test_a_mistake_of_the_client_is_made_good_as_well(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """A 400 of the first provider falls back like any failure."""
    gateway = start("portkey")
    first.behave = status(400)
    assert said(ask(client, gateway)) == (200, "provider-b")
    assert (len(chats(first)), len(chats(second))) == (1, 1)


def test_who_does_not_answer_is_given_up(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """After the timeout of an attempt the second provider is asked, and the first one's connection is closed."""
    gateway = start("portkey", profile="tuned")
    gate = Gate(stage)
    first.behave = gate.before(completes)
    answer = ask(client, gateway)
    assert said(answer) == (200, "provider-b")
    assert answer.elapsed.total_seconds() >= 1.0
    assert gate.left.wait(10)


def test_retries_pause_for_a_second_at_least(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """One retry: the first provider is asked twice, a second apart, before the second one is."""
    gateway = start("portkey", retries=1)
    first.behave = status(500)
    answer = ask(client, gateway)
    assert said(answer) == (200, "provider-b")
    assert (len(chats(first)), len(chats(second))) == (2, 1)
    assert answer.elapsed.total_seconds() >= 1.0


def test_a_stream_passes_piece_by_piece(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """The first event is here while the provider still holds back the rest; its terminal event comes last."""
    gateway = start("portkey")
    gate = Gate(stage)
    first.behave = gate.within_stream(REST, FIRST)
    with client.stream("POST", f"{gateway.url}{CHAT}", json=STREAM, headers=sent(gateway)) as answer:
        pieces = answer.iter_raw()
        assert content(next(pieces)) == "one"
        gate.open()
        rest = b"".join(pieces)
    assert content(rest) == " two"
    assert rest.strip().endswith(b"data: [DONE]")


def test_a_stream_that_breaks_off_ends_as_if_it_were_whole(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The body ends cleanly, without an error and without the terminal event: only its absence tells."""
    gateway = start("portkey")
    gate = Gate(stage)
    first.behave = gate.within_stream(first=FIRST, then=drops)
    with client.stream("POST", f"{gateway.url}{CHAT}", json=STREAM, headers=sent(gateway)) as answer:
        pieces = answer.iter_raw()
        assert content(next(pieces)) == "one"
        gate.open()
        rest = b"".join(pieces)
    assert rest.strip() == b""
    assert (len(chats(first)), len(chats(second))) == (1, 0)
    first.behave = completes
    assert said(ask(client, gateway)) == (200, "provider-a")


def test_without_its_config_a_request_is_refused(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """There is no default that an operator could set."""
    gateway = start("portkey")
    assert client.post(f"{gateway.url}{CHAT}", json=BODY).status_code == 400
    assert chats(first) == []


def test_sigterm_ends_it(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """It ends, and soon."""
    gateway = start("portkey")
    assert said(ask(client, gateway)) == (200, "provider-a")
    gateway.terminate()
    assert gateway.wait() == [-signal.SIGTERM]
