"""nginx as it ships, in front of two real servers: what of the reference's promises it keeps."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
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
    answers,
    dies_in_stream,
    drops,
    status,
)
from tests.targets.starting import Running, prepare, until

pytestmark = pytest.mark.e2e
CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
_NOBODY = 65_534
_ONE_MIB = 1_048_576


def ask(client: httpx.Client, gateway: Running) -> httpx.Response:
    """Send one chat request."""
    return client.post(f"{gateway.url}{CHAT}", json=BODY)


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_request_passes_through(client: httpx.Client, start: Start, first: FakeProvider, profile: str) -> None:
    """Body, query and the harness's own fields reach the first provider."""
    gateway = start("nginx", profile=profile)
    sent = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1", "authorization": "Bearer key"}
    answer = client.post(f"{gateway.url}{CHAT}?trace=1", json=BODY, headers=sent)
    assert (answer.status_code, answer.json()) == (200, {"provider": "provider-a"})
    assert answer.headers["x-served-by"] == f"127.0.0.1:{first.port}"
    [seen] = first.seen
    assert sent.items() <= {name.lower(): value for name, value in seen.headers.items()}.items()
    assert seen.path == f"{CHAT}?trace=1"
    assert client.get(f"{gateway.url}/v1/models").json() == {"provider": "provider-a"}


@pytest.mark.parametrize("behave", [drops, status(500), status(503), status(429)])
def test_nobody_notices_that_the_first_provider_fails(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """POST fails over, and after max_fails failures the first provider is left alone."""
    gateway = start("nginx", breaker_failures=3, breaker_open="60s")
    first.behave = behave
    given = [ask(client, gateway) for _ in range(20)]
    assert [answer.json() for answer in given] == [{"provider": "provider-b"}] * 20
    assert len(first.seen) == 3
    assert len(second.seen) == 20


def test_the_first_provider_takes_over_again(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """After fail_timeout nginx tries the primary again, and the backup goes back to waiting."""
    gateway = start("nginx", breaker_open="1s")
    first.behave = drops
    assert ask(client, gateway).json() == {"provider": "provider-b"}
    first.behave = answers
    until(lambda: ask(client, gateway).json() == {"provider": "provider-a"})
    assert [ask(client, gateway).json() for _ in range(10)] == [{"provider": "provider-a"}] * 10


def test_a_hanging_provider_costs_its_timeout_once(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """With a short read timeout a hang is one failure like another."""
    gateway = start("nginx", request_timeout="3s", breaker_open="60s")
    first.behave = Gate(stage).before(answers)
    assert [ask(client, gateway).json() for _ in range(5)] == [{"provider": "provider-b"}] * 5
    assert len(first.seen) == 1


def test_never_more_attempts_than_configured(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """When both fail a request makes two attempts over fresh connections, and the client gets a 502."""
    gateway = start("nginx")
    first.behave = second.behave = drops
    assert ask(client, gateway).status_code == 502
    assert len(first.seen) + len(second.seen) == 2


def test_errors_of_the_clients_making_are_relayed(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """A 400 is nobody's failure."""
    gateway = start("nginx")
    first.behave = status(400)
    assert [ask(client, gateway).status_code for _ in range(3)] == [400] * 3
    assert len(first.seen) == 3
    assert second.seen == []


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_stream_passes_piece_by_piece(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, profile: str
) -> None:
    """The first event is here while the provider still holds back the rest."""
    gateway = start("nginx", profile=profile, request_timeout="20s")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        gate.open()
        assert b"".join(pieces) == LAST_EVENTS


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_a_stream_that_breaks_off_is_an_error(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, profile: str
) -> None:
    """The client sees an incomplete body, and nothing is sent again."""
    gateway = start("nginx", profile=profile)
    first.behave = dies_in_stream
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer, pytest.raises(httpx.RemoteProtocolError):
        answer.read()
    assert second.seen == []


def test_operators_routes_ask_nobody(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Readiness, stub_status and metrics are nginx's own, and the metrics are what Prometheus reads."""
    gateway = start("nginx")
    assert client.get(f"{gateway.url}/gw/health").text == "ok\n"
    assert client.get(f"{gateway.url}/gw/status").text.startswith("Active connections: ")
    families = list(text_string_to_metric_families(client.get(f"{gateway.url}/gw/metrics").text))
    states = {sample.labels["state"] for family in families for sample in family.samples}
    assert states == {"active", "reading", "writing", "waiting"}
    assert first.seen == second.seen == []


def test_limit_req_limits_each_tenant(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """As many at once as `limit_burst` says, then 429 with a Retry-After; another tenant is not concerned."""
    gateway = start("nginx", limit_rate=1, limit_period="20s", limit_burst=5)

    def asked(tenant: str) -> httpx.Response:
        return client.post(f"{gateway.url}{CHAT}", json=BODY, headers={"x-gatebench-tenant": tenant})

    given = [asked("tenant-0") for _ in range(8)]
    assert [answer.status_code for answer in given] == [200] * 5 + [429] * 3
    assert given[-1].headers["retry-after"] == "20"
    assert given[-1].json()["error"]["type"] == "rate_limit_exceeded"
    assert asked("tenant-1").status_code == 200
    assert len(first.seen) == 6


def pieces(size: int) -> Iterator[bytes]:
    """Yield a body of `size` bytes in parts, so that its length is not known beforehand."""
    for _ in range(16):
        yield b"x" * (size // 16)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")
@pytest.mark.parametrize("user", [None, _NOBODY])
def test_it_runs_as_root_and_as_nobody(client: httpx.Client, first: FakeProvider, user: int | None) -> None:
    """In a folder that only its owner may enter, the largest allowed bodies pass: workers need no file."""
    directory = Path(tempfile.mkdtemp(prefix="gatebench-nginx-"))
    running = Running(prepare("nginx", directory, [first]), user=user)
    try:
        if user is not None:
            os.chown(directory, user, user)
        running.start()
        for body in (b"x" * _ONE_MIB, pieces(_ONE_MIB)):
            assert client.post(f"{running.url}{CHAT}", content=body).status_code == 200
        assert [len(seen.body) for seen in first.seen] == [_ONE_MIB, _ONE_MIB]
        assert running.log == ""
        assert client.post(f"{running.url}{CHAT}", content=b"x" * (_ONE_MIB + 1)).status_code == 413
        written = [path for path in directory.rglob("*") if path.is_file()]
        assert {path.name for path in written} == {"nginx.conf", "nginx.pid", "log"}
        running.terminate()
        assert running.wait() == [0]
    finally:
        running.stop()
        shutil.rmtree(directory)
