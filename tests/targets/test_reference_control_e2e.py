"""Traffic control of the reference gateway as a process: keys, limits in memory and in Redis, shedding, hedging, fallback."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.targets.conftest import Start
from tests.targets.fake_provider import FakeProvider, Gate, Stage, answers, drops, streams
from tests.targets.redis_server import RedisServer, redis_server
from tests.targets.starting import Running

pytestmark = pytest.mark.e2e
CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
TENANTS = (
    {"name": "tenant-1", "key": "sk-1", "tier": "free"},
    {"name": "tenant-2", "key": "sk-2", "tier": "unlimited"},
)


@pytest.fixture
def store() -> Iterator[RedisServer]:
    """A redis-server."""
    with redis_server() as running:
        yield running


def ask(client: httpx.Client, gateway: Running, **headers: str) -> httpx.Response:
    """Send one chat request; x_priority="low" is x-priority: low."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"{gateway.url}{CHAT}", json=BODY, headers=fields)


def test_keys_and_tiers(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """Each key has its tenant's limit; a stranger has no answer; the provider sees names, not keys."""
    gateway = start(
        "reference",
        tenants=TENANTS,
        auth="keys",
        limit_algorithm="gcra",
        limit_period="1h",
        limit_tiers="free=2/1h,unlimited",
        log_requests=True,
    )
    assert [ask(client, gateway, authorization="Bearer sk-1").status_code for _ in range(3)] == [200, 200, 429]
    assert [ask(client, gateway, authorization="Bearer sk-2").status_code for _ in range(3)] == [200] * 3
    stranger = ask(client, gateway, authorization="Bearer sk-3")
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "invalid_api_key")
    fields = [{name.lower(): value for name, value in seen.headers.items()} for seen in first.seen]
    assert [one["x-gatebench-tenant"] for one in fields] == ["tenant-1"] * 2 + ["tenant-2"] * 3
    assert not any("authorization" in one for one in fields)
    lines = [json.loads(line) for line in gateway.log.splitlines()]
    outcomes = [line["outcome"] for line in lines if line["event"] == "request"]
    assert outcomes == ["ok", "ok", "limited", "ok", "ok", "ok", "unauthorized"]
    assert "sk-" not in gateway.log


def test_a_limit_says_when(client: httpx.Client, start: Start) -> None:
    """Two at once, then 429 with the fields that clients read."""
    gateway = start("reference", limit_algorithm="token-bucket", limit_rate=60, limit_period="1h", limit_burst=2)
    first, _, refused = (ask(client, gateway, x_gatebench_tenant="tenant-1") for _ in range(3))
    assert (first.headers["ratelimit-remaining"], first.headers["ratelimit-policy"]) == ("1", "60;w=3600;burst=2")
    assert refused.status_code == 429
    assert 59 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["error"] | {"message": ""} == {
        "message": "",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert ask(client, gateway, x_gatebench_tenant="tenant-2").status_code == 200


@pytest.mark.parametrize(("policy", "status"), [("open", 200), ("closed", 503)])
def test_a_shared_limit_and_its_store(
    client: httpx.Client, start: Start, store: RedisServer, policy: str, status: int
) -> None:
    """Two replicas admit together what one would; while the store hangs, all pass or none, within its timeout."""
    settings = {"limit_algorithm": "sliding-log", "limit_rate": 4, "limit_period": "1h", "limit_store": "redis"}
    one, other = (
        start("reference", store_url=store.url, limit_on_store_fault=policy, limit_store_timeout="2s", **settings)
        for _ in range(2)
    )
    assert [ask(client, gateway).status_code for gateway in (one, other) * 3] == [200] * 4 + [429] * 2
    store.pause()
    try:
        hung = ask(client, one)
        assert hung.status_code == status
        assert 2.0 <= hung.elapsed.total_seconds() < 10
    finally:
        store.resume()
    # What was asked while it hung is counted when it goes on; a limit that is full stays full.
    assert ask(client, one).status_code == 429


def test_a_full_gateway_refuses_the_least_important(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """Two places, one of them for low: while a stream holds one, low is refused and high is not; its end frees it."""
    gateway = start("reference", shed_in_flight=2)
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY, headers={"x-priority": "low"}) as running:
        assert running.status_code == 200
        first.behave = answers
        assert gate.reached.wait(10)
        shed = ask(client, gateway, x_priority="low")
        assert (shed.status_code, shed.headers["retry-after"]) == (503, "1")
        assert ask(client, gateway, x_priority="high").status_code == 200
        gate.open()
        running.read()
    assert ask(client, gateway, x_priority="low").status_code == 200


def test_a_hanging_provider_is_hedged(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The second provider answers long before the first one's timeout, and the first one's connection is closed."""
    gateway = start("reference", hedge_after="20ms", hedge_ratio=1.0, request_timeout="20s", total_timeout="30s")
    gate = Gate(stage)
    first.behave, second.behave = gate.before(answers), streams
    answer = ask(client, gateway)
    assert (answer.status_code, answer.headers["x-served-by"]) == (200, "provider-b")
    assert gate.left.wait(10)


def test_a_full_provider_is_passed_by(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """One place: while a stream holds it the next request goes to the second provider, and then to the first again."""
    gateway = start("reference", bulkhead=1)
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as running:
        assert gate.reached.wait(10)
        assert ask(client, gateway).headers["x-served-by"] == "provider-b"
        gate.open()
        running.read()
    first.behave = answers
    assert ask(client, gateway).headers["x-served-by"] == "provider-a"


def test_nobody_answers_and_the_client_gets_something(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """A canned answer, marked; what has no default is the error that it was."""
    gateway = start("reference", fallback="default", retries=1)
    first.behave = second.behave = drops
    answer = ask(client, gateway)
    assert (answer.status_code, answer.headers["x-fallback"]) == (200, "default")
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    assert client.get(f"{gateway.url}/v1/models").status_code in (502, 503)


def test_a_trace_reaches_the_provider(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """The same trace with another parent."""
    gateway = start("reference")
    sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ask(client, gateway, traceparent=sent)
    [seen] = first.seen
    got = {name.lower(): value for name, value in seen.headers.items()}["traceparent"]
    assert got.split("-")[1] == sent.split("-")[1]
    assert got != sent


def test_tokens_of_a_stream_are_counted_at_its_end(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """2 of the prompt are estimated before, and 3 events came: 95 of 100 are left, and the next request takes 2 of them."""
    gateway = start(
        "reference", limit_algorithm="sliding-log", limit_rate=100, limit_period="1h", limit_counts="tokens"
    )
    first.behave = streams
    answer = ask(client, gateway)
    assert answer.headers["ratelimit-remaining"] == "98"
    left = [ask(client, gateway).headers["ratelimit-remaining"] for _ in range(2)]
    assert left == ["93", "88"]
