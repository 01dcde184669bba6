"""HAProxy as it ships, in front of two real servers: what of the reference's promises it keeps."""

from __future__ import annotations

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
    answers,
    dies_in_stream,
    drops,
    status,
)
from tests.targets.starting import Running, until

pytestmark = pytest.mark.e2e
CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def ask(client: httpx.Client, gateway: Running, tenant: str = "tenant-0") -> httpx.Response:
    """Send one chat request."""
    return client.post(f"{gateway.url}{CHAT}", json=BODY, headers={"x-gatebench-tenant": tenant})


def chats(provider: FakeProvider) -> int:
    """Return how many requests a provider got, health checks left out."""
    return sum(seen.path.startswith("/v1/") for seen in provider.seen)


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_request_passes_through(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """Body, query and the harness's own fields reach the first provider."""
    gateway = start("haproxy", profile=profile)
    sent = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1", "authorization": "Bearer key"}
    answer = client.post(f"{gateway.url}{CHAT}?trace=1", json=BODY, headers=sent)
    assert (answer.status_code, answer.json()) == (200, {"provider": "provider-a"})
    assert answer.headers["x-served-by"] == "provider-a"
    [seen] = [seen for seen in first.seen if seen.path.startswith("/v1/")]
    assert sent.items() <= {name.lower(): value for name, value in seen.headers.items()}.items()
    assert seen.path == f"{CHAT}?trace=1"


@pytest.mark.parametrize("behave", [drops, status(500), status(503)])
def test_nobody_notices_that_the_first_provider_fails(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """POST fails over within the request. Failures that a retry made good are not counted, so each one asks the first."""
    gateway = start("haproxy", breaker_failures=3, check_interval="30s")
    first.behave = behave
    given = [ask(client, gateway) for _ in range(10)]
    assert [answer.json() for answer in given] == [{"provider": "provider-b"}] * 10
    assert (chats(first), chats(second)) == (10, 10)


def test_without_retries_failures_take_a_provider_out(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """After error-limit failures that clients saw, the first provider is left alone."""
    gateway = start("haproxy", breaker_failures=3, check_interval="30s", retries=0)
    first.behave = status(503)
    given = [ask(client, gateway).status_code for _ in range(10)]
    assert given[:3] == [503] * 3
    assert given[-5:] == [200] * 5
    assert chats(first) <= 5


def test_health_checks_take_a_provider_out_and_bring_it_back(
    client: httpx.Client, start: Start, first: FakeProvider
) -> None:
    """While its health check fails it is asked nothing; when enough have passed it serves again."""
    gateway = start("haproxy", check_interval="500ms", breaker_open="1s")
    first.behave = drops

    def left_alone() -> bool:
        before = chats(first)
        return served_by("provider-b") and chats(first) == before

    def served_by(name: str) -> bool:
        answer = ask(client, gateway)
        return answer.status_code == 200 and answer.json() == {"provider": name}

    until(left_alone)
    first.behave = answers
    until(lambda: served_by("provider-a"))
    assert [ask(client, gateway).json() for _ in range(10)] == [{"provider": "provider-a"}] * 10


def test_errors_of_the_clients_making_are_relayed(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """A 400 is nobody's failure."""
    gateway = start("haproxy")
    first.behave = status(400)
    assert [ask(client, gateway).status_code for _ in range(3)] == [400] * 3
    assert chats(second) == 0


def test_a_stream_passes_piece_by_piece(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """The first event is here while the provider still holds back the rest."""
    gateway = start("haproxy", request_timeout="20s")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        gate.open()
        assert b"".join(pieces) == LAST_EVENTS


def test_a_stream_that_breaks_off_is_an_error(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The client sees an incomplete body, and nothing is sent again."""
    gateway = start("haproxy")
    first.behave = dies_in_stream
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer, pytest.raises(httpx.RemoteProtocolError):
        answer.read()
    assert chats(second) == 0


def test_operators_routes_ask_nobody(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Readiness and metrics are HAProxy's own, and the metrics are what Prometheus reads."""
    gateway = start("haproxy", check_interval="30s")
    assert client.get(f"{gateway.url}/gw/health").status_code == 200
    families = list(text_string_to_metric_families(client.get(f"{gateway.url}/gw/metrics").text))
    assert any(family.name.startswith("haproxy_frontend") for family in families)
    assert chats(first) == chats(second) == 0


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_stick_tables_limit_each_tenant(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """Five in a period of 20 s, then 429 with a Retry-After; another tenant is not concerned."""
    gateway = start("haproxy", profile=profile, limit_rate=5, limit_period="20s")
    given = [ask(client, gateway) for _ in range(8)]
    assert [answer.status_code for answer in given] == [200] * 5 + [429] * 3
    assert given[-1].headers["retry-after"] == "20"
    assert given[-1].json()["error"]["type"] == "rate_limit_exceeded"
    assert ask(client, gateway, "tenant-1").status_code == 200
    assert chats(first) == 6
