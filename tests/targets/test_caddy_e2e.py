"""Caddy as it ships, in front of two real servers: what of the reference's promises it keeps."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.targets.conftest import Start
from tests.targets.fake_provider import (
    FIRST_EVENT,
    LAST_EVENTS,
    Behaviour,
    FakeProvider,
    Gate,
    Stage,
    announces,
    answers,
    dies_before_first_event,
    dies_in_stream,
    drops,
    status,
    truncates,
)
from tests.targets.starting import Running, prepare, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("caddy"), reason="needs caddy; apt-get install caddy"),
]
CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
_NOBODY = 65_534


def ask(client: httpx.Client, gateway: Running) -> httpx.Response:
    """Send one chat request."""
    return client.post(f"{gateway.url}{CHAT}", json=BODY)


def chats(provider: FakeProvider) -> int:
    """Return how many requests a provider got, health checks left out."""
    return sum(seen.path != "/health" for seen in provider.seen)


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_request_passes_through(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """Body, query and the harness's own fields reach the first provider, by every method."""
    gateway = start("caddy", profile=profile)
    sent = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1", "authorization": "Bearer key"}
    answer = client.post(f"{gateway.url}{CHAT}?trace=1", json=BODY, headers=sent)
    assert (answer.status_code, answer.json()) == (200, {"provider": "provider-a"})
    assert answer.headers["x-served-by"] == f"127.0.0.1:{first.port}"
    [seen] = [seen for seen in first.seen if seen.path != "/health"]
    assert sent.items() <= {name.lower(): value for name, value in seen.headers.items()}.items()
    assert (seen.method, seen.path) == ("POST", f"{CHAT}?trace=1")
    assert seen.body == answer.request.content
    url = f"{gateway.url}/rest/items/7"
    assert [client.request(method, url).status_code for method in ("GET", "HEAD", "PUT", "DELETE")] == [200] * 4
    assert [seen.method for seen in first.seen if seen.path == "/rest/items/7"] == ["GET", "HEAD", "PUT", "DELETE"]


@pytest.mark.parametrize("profile", ["default", "tuned"])
@pytest.mark.parametrize(("behave", "seen"), [(drops, 502), (status(500), 500), (status(503), 503), (status(429), 429)])
def test_as_many_as_max_fails_notice_that_the_first_provider_fails(
    client: httpx.Client,
    start: Start,
    first: FakeProvider,
    second: FakeProvider,
    *,
    behave: Behaviour,
    seen: int,
    profile: str,
) -> None:
    """A POST is never sent again once a provider took it; then the provider is out, and the others do not notice."""
    gateway = start("caddy", profile=profile, breaker_failures=3, breaker_open="60s", check_interval="0s")
    first.behave = behave
    assert [ask(client, gateway).status_code for _ in range(13)] == [seen] * 3 + [200] * 10
    assert (chats(first), chats(second)) == (3, 10)


def test_a_get_is_sent_again(client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider) -> None:
    """With lb_retries nobody notices a dropped GET; the first retry is made when max_fails has taken the provider out."""
    gateway = start("caddy", retries=1, retry_interval="1ms", breaker_open="60s")
    first.behave = drops
    assert client.get(f"{gateway.url}/v1/models").json() == {"provider": "provider-b"}
    assert (chats(first), chats(second)) == (1, 1)


def test_nobody_notices_a_refused_connection_when_requests_are_buffered(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """A POST that no connection was made for goes to the next provider, body and all."""
    gateway = start("caddy", profile="tuned", check_interval="0s", retry_interval="1ms")
    stage.do(first.stop())
    assert [ask(client, gateway).json() for _ in range(5)] == [{"provider": "provider-b"}] * 5


def test_unbuffered_a_refused_connection_takes_the_healthy_provider_out_too(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """The retry reads a body that is closed; that counts as a failure of the provider it went to, and then nobody is left."""
    gateway = start("caddy", retries=1, retry_interval="1ms", breaker_open="60s")
    stage.do(first.stop())
    assert [ask(client, gateway).status_code for _ in range(3)] == [502, 503, 503]


def test_the_first_provider_takes_over_again(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """After fail_duration the failure is forgotten."""
    gateway = start("caddy", breaker_open="500ms")
    first.behave = drops
    assert ask(client, gateway).status_code == 502
    assert ask(client, gateway).json() == {"provider": "provider-b"}
    first.behave = answers
    until(lambda: ask(client, gateway).json() == {"provider": "provider-a"})
    assert [ask(client, gateway).json() for _ in range(10)] == [{"provider": "provider-a"}] * 10


def test_health_checks_take_a_provider_out_and_bring_it_back(
    client: httpx.Client, start: Start, first: FakeProvider
) -> None:
    """While its active health check fails it is asked nothing."""
    gateway = start("caddy", check_interval="100ms", breaker_open="1ms")
    first.behave = status(503)
    until(lambda: ask(client, gateway).status_code == 200)
    assert [ask(client, gateway).json() for _ in range(10)] == [{"provider": "provider-b"}] * 10
    first.behave = answers
    until(lambda: ask(client, gateway).json() == {"provider": "provider-a"})


def test_a_hanging_provider_is_a_gateway_timeout(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """With response_header_timeout a hang is one failure like another."""
    gateway = start("caddy", request_timeout="300ms", breaker_open="60s")
    first.behave = Gate(stage).before(answers)
    assert [ask(client, gateway).status_code for _ in range(5)] == [504] + [200] * 4
    assert chats(first) == 1


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_with_nobody_left_it_refuses(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, profile: str
) -> None:
    """When all are out it says 503 and asks nobody."""
    gateway = start("caddy", profile=profile, breaker_open="60s", check_interval="0s", retry_interval="1ms")
    first.behave = second.behave = drops
    assert [ask(client, gateway).status_code for _ in range(4)] == [502, 502, 503, 503]
    assert (chats(first), chats(second)) == (1, 1)


def test_errors_of_the_clients_making_are_relayed(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """A 400 is nobody's failure."""
    gateway = start("caddy")
    first.behave = status(400)
    assert [ask(client, gateway).status_code for _ in range(3)] == [400] * 3
    assert chats(second) == 0


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_stream_passes_piece_by_piece(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, profile: str
) -> None:
    """The first event is here while the provider still holds back the rest."""
    gateway = start("caddy", profile=profile, request_timeout="20s")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        gate.open()
        assert b"".join(pieces) == LAST_EVENTS


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_stream_that_breaks_off_seems_whole(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider, *, profile: str
) -> None:
    """2.6 ends the body cleanly: only a missing last event tells the client. Nothing is sent again, and the provider stays."""
    gateway = start("caddy", profile=profile, request_timeout="20s")
    gate = Gate(stage)
    first.behave = announces(FIRST_EVENT, then=gate.before(drops))
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        gate.open()
        assert b"".join(pieces) == b""
    first.behave = answers
    assert ask(client, gateway).json() == {"provider": "provider-a"}
    assert chats(second) == 0


@pytest.mark.parametrize(("behave", "body"), [(dies_in_stream, FIRST_EVENT), (dies_before_first_event, b"")])
def test_a_stream_that_ends_as_soon_as_it_begins_is_not_saved(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, *, behave: Behaviour, body: bytes
) -> None:
    """Its head has come, so no other provider is asked, and what came of it seems whole."""
    gateway = start("caddy")
    first.behave = behave
    given = [ask(client, gateway) for _ in range(5)]
    assert [(answer.status_code, answer.content) for answer in given] == [(200, body)] * 5
    assert (chats(first), chats(second)) == (5, 0)


def test_an_answer_of_known_length_that_breaks_off_is_an_error(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """With a Content-Length the client sees that something is missing."""
    gateway = start("caddy")
    first.behave = truncates
    with pytest.raises(httpx.RemoteProtocolError):
        ask(client, gateway)
    assert chats(second) == 0


def test_operators_routes_ask_nobody(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Readiness and metrics are Caddy's own, and the metrics are what Prometheus reads."""
    gateway = start("caddy")
    assert client.get(f"{gateway.url}/gw/health").text == "ok"
    assert ask(client, gateway).status_code == 200
    families = {family.name for family in text_string_to_metric_families(client.get(f"{gateway.url}/gw/metrics").text)}
    assert {"caddy_http_requests", "process_cpu_seconds"} <= families
    assert (chats(first), chats(second)) == (1, 0)


def test_on_sigterm_running_requests_end(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """It takes no more connections, lets a stream come to its end, and then is gone."""
    gateway = start("caddy")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        gateway.terminate()

        def refuses() -> bool:
            try:
                httpx.get(f"{gateway.url}/gw/health", trust_env=False)
            except httpx.TransportError:
                return True
            return False

        until(refuses)
        gate.open()
        assert b"".join(pieces) == LAST_EVENTS
    assert gateway.wait() == [0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")
@pytest.mark.parametrize("user", [None, _NOBODY])
def test_it_runs_as_root_and_as_nobody(client: httpx.Client, first: FakeProvider, user: int | None) -> None:
    """In a folder that only its owner may enter, where all that it writes goes; SIGTERM ends it."""
    directory = Path(tempfile.mkdtemp(prefix="gatebench-caddy-"))
    running = Running(prepare("caddy", directory, [first]), user=user)
    try:
        if user is not None:
            os.chown(directory, user, user)
        running.start()
        assert ask(client, running).status_code == 200
        running.terminate()
        assert running.wait() == [0]
        assert (directory / "caddy" / "autosave.json").is_file()
    finally:
        running.stop()
        shutil.rmtree(directory)
