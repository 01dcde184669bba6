"""LiteLLM as its package ships it, in front of two real servers: what it passes on, when it falls back, and what it leaves out."""

from __future__ import annotations

import json
import signal
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

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
)
from tests.targets.conftest import Start
from tests.targets.fake_provider import Behaviour, FakeProvider, Gate, Stage, drops, status
from tests.targets.starting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _providers_complete(first: FakeProvider, second: FakeProvider) -> None:
    first.behave = second.behave = completes


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_request_passes_through(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """The body's user and the harness's own headers reach the first provider; health, metrics and models ask nobody."""
    gateway = start("litellm", profile=profile)
    sent = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1"}
    assert said(ask(client, gateway, {**BODY, "user": "gb-1"}, sent)) == (200, "provider-a")
    [seen] = chats(first)
    assert json.loads(seen.body)["user"] == "gb-1"
    assert sent.items() <= {name.lower(): value for name, value in seen.headers.items()}.items()
    families = list(text_string_to_metric_families(client.get(f"{gateway.url}/metrics/").text))
    assert any(family.name.startswith("litellm_") for family in families)
    assert client.get(f"{gateway.url}/v1/models").status_code == 200
    assert len(chats(first)) == 1


@pytest.mark.parametrize("behave", [drops, status(500)])
def test_nobody_notices_that_the_first_provider_fails(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """POST falls back within the request, streams too, and without cooldown each one asks the first provider again."""
    gateway = start("litellm", retries=0)
    first.behave = behave
    assert [said(ask(client, gateway)) for _ in range(5)] == [(200, "provider-b")] * 5
    second.behave = completes_in_stream
    assert content(ask(client, gateway, STREAM).content) == "provider-b"
    assert (len(chats(first)), len(chats(second))) == (6, 6)


def test_the_failing_provider_is_retried_before_anything_else(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """By default the first provider fails three times, with pauses in between, before the second one is asked."""
    gateway = start("litellm")
    first.behave = status(500)
    answer = ask(client, gateway)
    assert said(answer) == (200, "provider-b")
    assert (len(chats(first)), len(chats(second))) == (3, 1)
    assert answer.elapsed.total_seconds() > 1.0


def test_in_order_requests_count_and_their_retries_do_not(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The first two failed requests make four attempts each, and only then is the first provider left alone."""
    gateway = start("litellm", profile="tuned", breaker_failures=3, breaker_open="60s")
    first.behave = status(500)

    def left_alone() -> bool:
        before = len(chats(first))
        return said(ask(client, gateway)) == (200, "provider-b") and len(chats(first)) == before

    until(left_alone)  # failures are counted beside the request, so that a later one may still come through
    assert len(chats(first)) > 2 * 4


def test_three_allowed_failures_are_as_good_as_none_said(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The vendor's own figure is its default, which it takes for nothing said: every request asks the failing provider four times."""
    gateway = start("litellm", profile="tuned", breaker_failures=4, breaker_open="60s")
    until(lambda: time.time() % 60 < 40, within_s=25.0)  # the rule that holds instead looks at a minute of the clock
    for _ in range(30):  # so that half of its requests do not fail
        assert said(ask(client, gateway)) == (200, "provider-a")
    first.behave = status(500)
    for _ in range(10):
        assert said(ask(client, gateway)) == (200, "provider-b")
    assert len(chats(first)) == 30 + 10 * 4


def test_a_provider_cools_down(client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider) -> None:
    """After so many failures it is left alone, whatever it would answer by now."""
    gateway = start("litellm", retries=0, breaker_failures=3, breaker_open="60s")
    first.behave = status(500)
    assert [said(ask(client, gateway)) for _ in range(6)] == [(200, "provider-b")] * 6
    first.behave = completes
    assert said(ask(client, gateway)) == (200, "provider-b")
    assert len(chats(first)) == 3


def test_a_stream_passes_piece_by_piece(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """The first event is here while the provider still holds back the rest; its terminal event comes last."""
    gateway = start("litellm")
    gate = Gate(stage)
    first.behave = gate.within_stream(REST, FIRST)
    with client.stream("POST", f"{gateway.url}{CHAT}", json=STREAM) as answer:
        pieces = answer.iter_raw()
        assert content(next(pieces)) == "one"
        gate.open()
        rest = b"".join(pieces)
    assert content(rest) == " two"
    assert rest.endswith(b"data: [DONE]\n\n")


def test_a_stream_that_breaks_off_ends_with_an_error(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The body ends as if it were whole, but with an error event and without the terminal one; nothing is sent again."""
    gateway = start("litellm")
    gate = Gate(stage)
    first.behave = gate.within_stream(first=FIRST, then=drops)
    with client.stream("POST", f"{gateway.url}{CHAT}", json=STREAM) as answer:
        pieces = answer.iter_raw()
        assert content(next(pieces)) == "one"
        gate.open()
        rest = b"".join(pieces)
    assert json.loads(rest.partition(b"data: ")[2])["error"]["code"] == "500"
    assert b"[DONE]" not in rest
    assert (len(chats(first)), len(chats(second))) == (1, 0)


def test_the_cache_answers_what_was_asked_before(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """The same body is asked for once, whoever asks; another one is another entry."""
    gateway = start("litellm", cache="exact")
    for tenant in ("tenant-0", "tenant-0", "tenant-1"):
        assert said(ask(client, gateway, headers={"x-gatebench-tenant": tenant})) == (200, "provider-a")
    assert len(chats(first)) == 1
    ask(client, gateway, {**BODY, "max_tokens": 9})
    assert len(chats(first)) == 2


def test_a_limit_holds_for_all_tenants_together(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Of twelve requests within two minutes of the clock at most three a minute pass; the others are 429, not fallbacks."""
    gateway = start("litellm", limit_rate=3)
    given = [
        ask(client, gateway, headers={"x-gatebench-tenant": f"tenant-{number % 2}"}).status_code for number in range(12)
    ]
    assert set(given) == {200, 429}
    assert given[:3] == [200] * 3
    assert given.count(200) in (3, 4, 5, 6)
    assert len(chats(first)) == given.count(200)
    assert len(chats(second)) == 0


def test_sigterm_lets_a_stream_end(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """Asked to end, it ends by itself, and not before the stream that was under way has."""
    gateway = start("litellm")
    gate = Gate(stage)
    first.behave = gate.within_stream(REST, FIRST)
    with client.stream("POST", f"{gateway.url}{CHAT}", json=STREAM) as answer:
        pieces = answer.iter_raw()
        assert content(next(pieces)) == "one"
        gateway.terminate()
        until(lambda: "Shutting down" in gateway.log)
        gate.open()
        assert content(b"".join(pieces)) == " two"
    assert gateway.wait() == [-signal.SIGTERM]  # uvicorn sends itself again what it was asked with
    assert "Application shutdown complete" in gateway.log
