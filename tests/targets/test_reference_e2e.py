"""The reference gateway as a process in front of two real servers that break in every way it promises to survive."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import socket
import struct
import threading
import time

import httpx
import pytest

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
    ends_before_first_event,
    forgets_the_end,
    status,
    streams,
    streams_on_and_on,
    talks_nonsense,
    truncates,
)
from tests.targets.starting import Running, until

pytestmark = pytest.mark.e2e
CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def metric(client: httpx.Client, gateway: Running, name: str) -> float:
    """Return the value of one line of /metrics, 0 when it is not there."""
    for line in client.get(f"{gateway.url}/metrics").text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.rpartition(" ")[2])
    return 0.0


def ask(client: httpx.Client, gateway: Running) -> httpx.Response:
    """Send one chat request."""
    return client.post(f"{gateway.url}{CHAT}", json=BODY)


def test_a_request_passes_through_unchanged(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Body, query and end-to-end fields reach the first provider, its answer and fields reach the client."""
    gateway = start("reference")
    sent = {"x-request-id": "gb-00000000-1-0-l", "x-gatebench-tenant": "tenant-1", "authorization": "Bearer key"}
    answer = client.post(f"{gateway.url}{CHAT}?trace=1", json=BODY, headers=sent)
    assert (answer.status_code, answer.json()) == (200, {"provider": "provider-a"})
    assert answer.headers["x-provider"] == answer.headers["x-served-by"] == "provider-a"
    [seen] = first.seen
    fields = {name.lower(): value for name, value in seen.headers.items()}
    assert sent.items() <= fields.items()
    assert (seen.path, json.loads(seen.body)) == (f"{CHAT}?trace=1", BODY)
    assert client.get(f"{gateway.url}/v1/models").json() == {"provider": "provider-a"}
    assert second.seen == []


@pytest.mark.parametrize("behave", [drops, talks_nonsense, status(500), status(503), status(429), status(408)])
def test_nobody_notices_that_the_first_provider_fails(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """Every request is answered by the second provider, and after five failures the first one is left alone."""
    gateway = start("reference", breaker_window="60s", breaker_open="60s")
    first.behave = behave
    answers_given = [ask(client, gateway) for _ in range(30)]
    assert [answer.status_code for answer in answers_given] == [200] * 30
    assert {answer.headers["x-served-by"] for answer in answers_given} == {"provider-b"}
    assert len(first.seen) == 5
    assert len(second.seen) == 30
    assert metric(client, gateway, 'refgate_breaker_state{provider="provider-a"}') == 2
    assert metric(client, gateway, 'refgate_breaker_state{provider="provider-b"}') == 0


def test_a_closed_port_is_survived(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Nobody listens where the first provider was."""
    gateway = start("reference", breaker_window="60s", breaker_open="60s")
    stage.do(first.stop())
    assert [ask(client, gateway).status_code for _ in range(10)] == [200] * 10
    assert metric(client, gateway, 'refgate_attempts_total{outcome="connect",provider="provider-a"}') == 5


def test_a_hanging_provider_costs_its_timeout_until_the_breaker_opens(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """Two requests wait for the timeout; the third is not even sent to the provider that hangs."""
    gateway = start("reference", request_timeout="3s", breaker_failures=2, breaker_window="60s", breaker_open="60s")
    first.behave = Gate(stage).before(answers)
    assert [ask(client, gateway).status_code for _ in range(10)] == [200] * 10
    assert len(first.seen) == 2


def test_exactly_one_probe_for_each_open_period(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """While a probe is under way, fifty concurrent requests go to the second provider; its failure opens anew, its
    success closes."""
    gateway = start("reference", breaker_open="200ms", breaker_window="60s", request_timeout="20s", total_timeout="30s")
    first.behave = drops
    for _ in range(5):
        assert ask(client, gateway).status_code == 200
    for verdict, state in ((drops, 2), (drops, 2), (answers, 0)):
        gate = Gate(stage)
        first.behave = gate.before(verdict)
        first.seen.clear()
        time.sleep(0.25)  # the open time
        with concurrent.futures.ThreadPoolExecutor(51) as pool:
            probe = pool.submit(ask, client, gateway)
            assert gate.reached.wait(10)
            others = [future.result() for future in [pool.submit(ask, client, gateway) for _ in range(50)]]
            assert {other.headers["x-served-by"] for other in others} == {"provider-b"}
            assert len(first.seen) == 1
            gate.open()
            assert probe.result().status_code == 200
        assert metric(client, gateway, 'refgate_breaker_state{provider="provider-a"}') == state
    assert ask(client, gateway).headers["x-served-by"] == "provider-a"


def test_a_probe_whose_client_leaves_frees_its_place(
    client: httpx.Client, stage: Stage, start: Start, first: FakeProvider
) -> None:
    """The provider's connection is closed (nobody waits for its work), and the next request probes again."""
    gateway = start("reference", breaker_open="200ms", breaker_failures=1, request_timeout="20s", total_timeout="30s")
    first.behave = drops
    ask(client, gateway)
    gate = Gate(stage)
    first.behave = gate.before(answers)
    time.sleep(0.25)  # the open time
    with socket.create_connection(("127.0.0.1", gateway.prepared.port)) as leaving:
        leaving.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}")
        assert gate.reached.wait(10)
    assert gate.left.wait(10)
    first.behave = answers
    assert ask(client, gateway).headers["x-served-by"] == "provider-a"
    assert metric(client, gateway, 'refgate_attempts_total{outcome="cancelled",provider="provider-a"}') == 1
    assert metric(client, gateway, 'refgate_requests_total{outcome="cancelled"}') == 1


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_never_more_attempts_than_configured(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, retries: int
) -> None:
    """When all fail, a request makes 1 + `retries` attempts and is answered in OpenAI's shape."""
    gateway = start("reference", retries=retries, retry_backoff="1ms")
    first.behave = second.behave = drops
    answer = ask(client, gateway)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "provider_failed"
    assert len(first.seen) + len(second.seen) == 1 + retries


def test_all_breakers_open_is_a_quick_503(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """Nobody is asked any more; the client is told when to come back."""
    gateway = start("reference", retries=1, breaker_window="60s", breaker_open="60s")
    first.behave = second.behave = drops
    for _ in range(5):
        assert ask(client, gateway).status_code == 502
    answer = ask(client, gateway)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "providers_unavailable"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert len(first.seen) == len(second.seen) == 5


@pytest.mark.parametrize("number", [400, 401, 404, 422])
def test_errors_of_the_clients_making_are_relayed_at_once(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, number: int
) -> None:
    """They are not retried, do not count against the provider, and arrive as the provider wrote them."""
    gateway = start("reference", breaker_failures=1)
    first.behave = status(number)
    for _ in range(3):
        answer = ask(client, gateway)
        assert (answer.status_code, answer.json()) == (number, {"error": {"message": "from the provider"}})
    assert len(first.seen) == 3
    assert second.seen == []


def test_an_answer_that_breaks_off_is_not_asked_for_again(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The POST was executed: the client gets an error instead of a second execution."""
    gateway = start("reference")
    first.behave = truncates
    answer = ask(client, gateway)
    assert answer.status_code == 502
    assert "broke off" in answer.json()["error"]["message"]
    assert second.seen == []
    assert client.get(f"{gateway.url}/v1/models").headers["x-served-by"] == "provider-b"


def test_a_stream_passes_piece_by_piece(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """The first event is here while the provider still holds back the rest."""
    gateway = start("reference")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        pieces = answer.iter_raw()
        assert next(pieces) == FIRST_EVENT
        gate.open()
        assert b"".join(pieces) == LAST_EVENTS


@pytest.mark.parametrize("behave", [dies_in_stream, forgets_the_end])
def test_a_stream_that_breaks_off_is_an_error(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """The client sees an incomplete body, not an end; nothing is sent again; and it counts against the provider."""
    gateway = start("reference", breaker_failures=2, breaker_window="60s", breaker_open="60s")
    first.behave = behave
    for _ in range(2):
        with (
            client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            assert answer.status_code == 200
            for piece in answer.iter_raw():
                assert piece == FIRST_EVENT
    assert second.seen == []
    assert metric(client, gateway, 'refgate_requests_total{outcome="broken"}') == 2
    assert metric(client, gateway, 'refgate_breaker_state{provider="provider-a"}') == 2


def test_a_silent_stream_is_an_error(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """A provider that falls silent in the middle is given up after the idle time."""
    gateway = start("reference", stream_idle_timeout="100ms")
    gate = Gate(stage)
    first.behave = gate.within_stream()
    with client.stream("POST", f"{gateway.url}{CHAT}", json=BODY) as answer, pytest.raises(httpx.RemoteProtocolError):
        answer.read()
    assert gate.left.wait(10)


def test_a_stream_that_breaks_off_is_an_error_for_http_1_0_too(start: Start, first: FakeProvider) -> None:
    """Without chunks the end of the connection is the end of the body: the connection is reset instead."""
    gateway = start("reference")
    first.behave = dies_in_stream
    with socket.create_connection(("127.0.0.1", gateway.prepared.port)) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        with pytest.raises(ConnectionResetError):
            while connection.recv(4096):
                pass


@pytest.mark.parametrize("behave", [dies_before_first_event, ends_before_first_event, drops])
def test_a_stream_that_dies_before_its_first_event_is_taken_over(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider, behave: Behaviour
) -> None:
    """Nothing was relayed yet, so the second provider's stream is the answer, whole."""
    gateway = start("reference")
    first.behave, second.behave = behave, streams
    answer = ask(client, gateway)
    assert answer.content == FIRST_EVENT + LAST_EVENTS
    assert answer.headers["x-served-by"] == "provider-b"


def test_a_client_that_leaves_a_stream_stops_the_provider(stage: Stage, start: Start, first: FakeProvider) -> None:
    """Nobody pays for tokens that nobody reads, and the breaker takes no offence."""
    gateway = start("reference", breaker_failures=1)
    gate = Gate(stage)
    first.behave = gate.within_stream()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.prepared.port)
    connection.request("POST", CHAT, json.dumps(BODY))
    answer = connection.getresponse()
    assert answer.readline() + answer.readline() == FIRST_EVENT
    assert gate.reached.wait(10)
    answer.close()
    connection.close()
    assert gate.left.wait(10)
    with httpx.Client(trust_env=False) as client:
        until(lambda: metric(client, gateway, "refgate_in_flight") == 0)
        assert metric(client, gateway, 'refgate_requests_total{outcome="cancelled"}') == 1
        assert metric(client, gateway, 'refgate_breaker_state{provider="provider-a"}') == 0


def test_bad_requests_end_here(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """Unknown paths, bodies too large and bodies too slow are answered in OpenAI's shape without asking anybody."""
    gateway = start("reference", max_body_bytes=100, body_timeout="500ms")
    unknown = client.post(f"{gateway.url}/v1/nothing", json=BODY)
    large = client.post(f"{gateway.url}{CHAT}", content=b"x" * 1000)
    for answer, number, code in ((unknown, 404, "unknown_url"), (large, 413, "body_too_large")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (number, code)
    with socket.create_connection(("127.0.0.1", gateway.prepared.port)) as slow:
        slow.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 50\r\n\r\n{")
        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert first.seen == []


def test_sigterm_drains(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """Readiness turns red while liveness stays green, running requests finish, new connections end, and it exits 0."""
    gateway = start("reference", drain_delay="5s", request_timeout="20s", total_timeout="30s")
    assert client.get(f"{gateway.url}/health/ready").status_code == 200
    gate = Gate(stage)
    first.behave = gate.before(answers)
    running: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: running.append(ask(client, gateway)))
    waiting.start()
    assert gate.reached.wait(10)
    gateway.terminate()

    def unready() -> bool:
        try:
            return client.get(f"{gateway.url}/health/ready").status_code == 503
        except httpx.TransportError:
            return False

    until(unready)
    alive = client.get(f"{gateway.url}/health/live")
    assert alive.status_code == 200
    assert alive.headers["connection"] == "close"

    def refused() -> bool:
        try:
            socket.create_connection(("127.0.0.1", gateway.prepared.port)).close()
        except ConnectionRefusedError:
            return True
        return False

    until(refused)
    assert not running
    gate.open()
    waiting.join(10)
    assert running[0].status_code == 200
    assert gateway.wait() == [0]


def test_a_configuration_that_cannot_be_used_ends_it(start: Start) -> None:
    """The process ends with what is wrong on stderr instead of starting half."""
    with pytest.raises(AssertionError, match=r"breaker\.failures"):
        start("reference", breaker_failures=0)


def test_logs_hold_no_secrets(client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider) -> None:
    """Failures are logged as JSON lines, without keys and without prompts."""
    gateway = start("reference", retries=1)
    first.behave = second.behave = drops
    for _ in range(6):
        client.post(f"{gateway.url}{CHAT}", json={"secret": "prompt-text"}, headers={"Authorization": "Bearer sk-key"})
    lines = [json.loads(line) for line in gateway.log.splitlines()]
    assert {line["event"] for line in lines} == {"listening", "no provider answered", "breaker changed"}
    assert "sk-key" not in gateway.log
    assert "prompt-text" not in gateway.log


def reset(connection: socket.socket) -> None:
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("behave", [answers, streams_on_and_on])
def test_clients_that_reset_leave_nothing_behind(
    client: httpx.Client, start: Start, first: FakeProvider, behave: Behaviour
) -> None:
    """After fifty clients that send a request and reset, nothing is in flight and nothing was logged."""
    gateway = start("reference")
    first.behave = behave
    for _ in range(50):
        connection = socket.create_connection(("127.0.0.1", gateway.prepared.port))
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}")
        if behave is streams_on_and_on:
            connection.recv(1024)
        reset(connection)
    first.behave = answers
    until(lambda: metric(client, gateway, "refgate_in_flight") == 0)
    assert ask(client, gateway).status_code == 200
    assert len(gateway.log.splitlines()) == 1  # that it listens
