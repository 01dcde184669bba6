"""Envoy as it ships, in front of two real servers: what of the reference's promises it keeps."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from aiohttp import web
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
    dies_before_first_event,
    dies_in_stream,
    drops,
    status,
)
from tests.targets.starting import Running, until

pytestmark = pytest.mark.e2e
CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
BY_SECOND = {"provider": "provider-b"}


def ask(client: httpx.Client, gateway: Running, tenant: str = "tenant-0") -> httpx.Response:
    """Send one chat request."""
    return client.post(f"{gateway.url}{CHAT}", json=BODY, headers={"x-gatebench-tenant": tenant})


def statuses(client: httpx.Client, gateway: Running, count: int, tenant: str = "tenant-0") -> list[int]:
    """Send `count` chat requests, one after the other, and return how they were answered."""
    return [ask(client, gateway, tenant).status_code for _ in range(count)]


async def may_be_kept(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """200 with the number of requests so far, fresh for a minute."""
    return web.json_response({"asked": len(provider.seen)}, headers={"Cache-Control": "max-age=60"})


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_request_passes_through(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """Body, query and the harness's own fields reach the first provider."""
    gateway = start("envoy", profile=profile)
    sent = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1", "authorization": "Bearer key"}
    answer = client.post(f"{gateway.url}{CHAT}?trace=1", json=BODY, headers=sent)
    assert (answer.status_code, answer.json()) == (200, {"provider": "provider-a"})
    assert answer.headers["x-served-by"] == "provider-a"
    [seen] = first.seen
    assert sent.items() <= {name.lower(): value for name, value in seen.headers.items()}.items()
    assert (seen.method, seen.path, seen.body) == ("POST", f"{CHAT}?trace=1", answer.request.content)


@pytest.mark.parametrize("profile", ["default", "tuned"])
@pytest.mark.parametrize(("behave", "asked"), [(drops, 3), (status(500), 3), (status(503), 3), (status(429), 10)])
def test_nobody_notices_that_the_first_provider_fails(
    client: httpx.Client,
    start: Start,
    first: FakeProvider,
    second: FakeProvider,
    *,
    behave: Behaviour,
    asked: int,
    profile: str,
) -> None:
    """POST fails over within the request; after three failures the first is left alone, but a 429 is no such failure."""
    gateway = start("envoy", profile=profile, breaker_failures=3)
    first.behave = behave
    given = [ask(client, gateway) for _ in range(10)]
    assert [answer.json() for answer in given] == [BY_SECOND] * 10
    assert (len(first.seen), len(second.seen)) == (asked, 10)


def test_a_refused_connection_is_no_failure_of_the_request(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """A provider that does not listen is passed over."""
    gateway = start("envoy")
    stage.do(first.stop())
    assert ask(client, gateway).json() == BY_SECOND


def test_a_provider_that_hangs_is_passed_over_after_the_time_of_a_try(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """The attempt is called off, and the next provider answers."""
    gateway = start("envoy", request_timeout="2s")
    gate = Gate(stage)
    first.behave = gate.before(answers)
    assert ask(client, gateway).json() == BY_SECOND
    assert gate.left.wait(5.0)


def test_more_retries_at_once_than_the_circuit_breaker_allows_are_not_made(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Of eight who fail at the same time, three are saved at once by default: the others see the failure."""
    gateway = start("envoy", breaker_failures=0)
    refusal, answer = Gate(stage), Gate(stage)
    first.behave, second.behave = refusal.before(status(503)), answer.before(answers)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, client, gateway) for _ in range(8)]
        until(lambda: len(first.seen) == 8)
        refusal.open()
        until(lambda: len(second.seen) == 3 and sum(one.done() for one in asked) == 5)
        answer.open()
        assert Counter(one.result().status_code for one in asked) == {200: 3, 503: 5}


def test_an_ejected_provider_gets_everything_again_after_its_time(
    client: httpx.Client, start: Start, first: FakeProvider
) -> None:
    """Out after three failures for the open time; when it is well by then it serves as before."""
    gateway = start("envoy", breaker_failures=3, breaker_window="50ms", breaker_open="2s", update_merge_window="0s")
    first.behave = status(503)
    begun = time.monotonic()
    assert [ask(client, gateway).json() for _ in range(6)] == [BY_SECOND] * 6
    assert len(first.seen) == 3
    first.behave = answers
    until(lambda: ask(client, gateway).json() == {"provider": "provider-a"})
    assert time.monotonic() - begun >= 2.0
    assert [ask(client, gateway).json() for _ in range(10)] == [{"provider": "provider-a"}] * 10


@pytest.mark.parametrize(("profile", "asked"), [("default", 10), ("tuned", 0)])
def test_only_without_panic_the_last_provider_is_spared(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, *, profile: str, asked: int
) -> None:
    """By default somebody is asked even when all fail; tuned, all are ejected and Envoy refuses at once."""
    own = {"request_timeout": "0s", "connect_timeout": "5s"}  # a provider that a busy machine delays is no 504
    gateway = start("envoy", profile=profile, retries=0, breaker_failures=3, update_merge_window="0s", **own)
    first.behave = second.behave = status(503)

    def reaches_somebody() -> bool:
        before = len(first.seen) + len(second.seen)
        assert ask(client, gateway).status_code == 503
        return len(first.seen) + len(second.seen) > before

    until(lambda: reaches_somebody() and min(len(first.seen), len(second.seen)) >= 3)
    if not asked:
        until(lambda: not reaches_somebody())  # an ejection reaches Envoy's workers a moment after the third failure
    assert sum(reaches_somebody() for _ in range(10)) == asked


def test_errors_of_the_clients_making_are_relayed(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """A 400 is nobody's failure."""
    gateway = start("envoy")
    first.behave = status(400)
    assert statuses(client, gateway, 10) == [400] * 10
    assert (len(first.seen), len(second.seen)) == (10, 0)


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_large_body_fails_over(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, profile: str
) -> None:
    """Also one that is larger than the edge guide's buffers of 32 KiB."""
    gateway = start("envoy", profile=profile)
    first.behave = status(503)
    body = b"x" * 900_000
    assert client.post(f"{gateway.url}{CHAT}", content=body).json() == BY_SECOND
    assert [seen.body == body for seen in (*first.seen, *second.seen)] == [True, True]


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_stream_passes_piece_by_piece(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, profile: str
) -> None:
    """The first event is here while the provider still holds back the rest, and a try's time does not cut it."""
    gateway = start("envoy", profile=profile, request_timeout="2s")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        assert not gate.left.wait(2.5)
        gate.open()
        assert b"".join(pieces) == LAST_EVENTS


@pytest.mark.parametrize("behave", [dies_in_stream, dies_before_first_event])
def test_a_stream_that_breaks_off_is_an_error(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """The client sees an incomplete body, and nothing is sent again, not even where no token had come."""
    gateway = start("envoy")
    first.behave = behave
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer, pytest.raises(httpx.RemoteProtocolError):
        answer.read()
    assert len(second.seen) == 0


def test_the_total_time_cuts_a_stream(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """A stream that lasts longer than the route's timeout breaks off visibly."""
    gateway = start("envoy", total_timeout="2s")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer, pytest.raises(httpx.RemoteProtocolError):
        answer.read()
    assert gate.left.wait(5.0)


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_operators_routes_ask_nobody(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, profile: str
) -> None:
    """Readiness and metrics are Envoy's own, the metrics are what Prometheus reads, and nothing else of the admin is there."""
    gateway = start("envoy", profile=profile)
    assert client.get(f"{gateway.url}/gw/health").status_code == 200
    families = list(text_string_to_metric_families(client.get(f"{gateway.url}/gw/metrics").text))
    assert any(family.name == "envoy_cluster_upstream_rq" for family in families)
    assert len(first.seen) == len(second.seen) == 0
    assert client.post(f"{gateway.url}/quitquitquit").json() == {"provider": "provider-a"}


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_token_buckets_limit_each_tenant(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """Three at once, then 429 with a Retry-After of the time in which a token comes; another tenant is not concerned."""
    gateway = start("envoy", profile=profile, limit_rate=5, limit_period="100s", limit_burst=3)
    given = [ask(client, gateway) for _ in range(6)]
    assert [answer.status_code for answer in given] == [200] * 3 + [429] * 3
    assert given[-1].headers["retry-after"] == "20"
    assert given[-1].json()["error"]["type"] == "rate_limit_exceeded"
    assert statuses(client, gateway, 4, "tenant-1") == [200] * 3 + [429]
    assert client.post(f"{gateway.url}{CHAT}", json=BODY).status_code == 200
    assert len(first.seen) == 7


def test_tokens_come_one_by_one(client: httpx.Client, start: Start) -> None:
    """Envoy's buckets fill all the time, not every fill_interval."""
    gateway = start("envoy", limit_rate=20, limit_period="10s", limit_burst=2)
    begun = time.monotonic()
    assert statuses(client, gateway, 2) == [200] * 2
    until(lambda: ask(client, gateway).status_code == 200)
    assert 0.4 < time.monotonic() - begun < 5


@pytest.mark.parametrize(("profile", "admitted"), [("default", [200]), ("tuned", [429])])
def test_who_is_forgotten_has_a_full_bucket_again(
    client: httpx.Client, start: Start, profile: str, admitted: list[int]
) -> None:
    """By default Envoy remembers the buckets of twenty tenants."""
    gateway = start("envoy", profile=profile, limit_rate=1, limit_period="100s")
    assert statuses(client, gateway, 2) == [200, 429]
    for number in range(1, 21):
        ask(client, gateway, f"tenant-{number}")
    assert statuses(client, gateway, 1) == admitted


def test_the_cache_keeps_get_without_a_key(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """A fresh answer is served again, with its age; to a POST or a request with an API key it is not. Health and metrics go on."""
    gateway = start("envoy", cache="http")
    first.behave = may_be_kept
    given = [client.get(f"{gateway.url}/v1/models", headers={"x-gatebench-tenant": f"t{n}"}) for n in range(3)]
    assert [answer.json()["asked"] for answer in given] == [1, 1, 1]
    assert ["age" in answer.headers for answer in given] == [False, True, True]
    assert [ask(client, gateway).json()["asked"] for _ in range(2)] == [2, 3]
    keyed = [client.get(f"{gateway.url}/v1/models", headers={"authorization": "Bearer key"}) for _ in range(2)]
    assert [answer.json()["asked"] for answer in keyed] == [4, 5]
    assert client.get(f"{gateway.url}/gw/metrics").status_code == 200


def test_what_the_cache_asks_for_does_not_fail_over(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """With the cache filter a GET sees the first provider's failure, while a POST is still saved."""
    gateway = start("envoy", cache="http")
    first.behave = status(503)
    assert client.get(f"{gateway.url}/v1/models").status_code == 503
    assert len(second.seen) == 0
    assert ask(client, gateway).json() == BY_SECOND


def test_a_cache_by_tenant_is_no_cache(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """The key knows no tenant, so nothing is kept rather than shown to somebody else."""
    gateway = start("envoy", cache="http", cache_scope="tenant")
    first.behave = may_be_kept
    assert [client.get(f"{gateway.url}/v1/models").json()["asked"] for _ in range(2)] == [1, 2]


def test_sigterm_cuts_what_is_under_way(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """It ends at once, with exit code 0, and a stream breaks off visibly."""
    gateway = start("envoy")
    first.behave = Gate(stage).within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        gateway.terminate()
        assert gateway.wait() == [0]
        with pytest.raises(httpx.TransportError):
            next(pieces)
