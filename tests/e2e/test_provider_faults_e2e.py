"""Every shipped fault of a provider, at a real process: seen on the wire, proven by canaries, gone when it should be."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson
import pytest

from gatebench.execution.chaos.canary import Address, Canary, timeout_s
from gatebench.execution.chaos.levers.provider import ProviderLever
from gatebench.faults import Value
from gatebench.plan import PlannedFault
from gatebench.sample import CANCELLED, COMPLETED, DROPPED, FAILED
from gatebench.stamp import KINDS
from tests.execution.chaos.planned_fault import planned, shipped_provider_faults, toxic, using
from tests.execution.toxiproxy.rig import Server
from tests.execution.upstream.running import CHAT, RUN, TOKEN, VOCABULARIES, Running

pytestmark = pytest.mark.e2e

SPARE_NS = 2 * 10**9
MS = 1_000_000
MINUTE_NS = 60_000 * MS
NAMES = shipped_provider_faults()
CODES = {f"fault-{number}": number + 1 for number in range(2)}
ARRIVALS = count(1)
STREAM = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
# What comes of a request for a completion: whole, then streamed. The end is the connection's own.
WIRE: dict[str, tuple[bytes, bytes]] = {
    "fail-first": (rb"HTTP/1\.1 503 .*server_error", rb"HTTP/1\.1 503 .*server_error"),
    "latency-ramp": (
        rb"HTTP/1\.1 200 .*x-gatebench-added-us: \d+\r\n.*}$",
        rb"HTTP/1\.1 200 .*x-gatebench-added-us: \d+\r\n.*\[DONE\]",
    ),
    "malformed-answer": (
        rb'HTTP/1\.1 200 .*"total_tokens":7}$',
        rb'HTTP/1\.1 200 .* w2"}.*"usage":null\n\n.*\[DONE\]',
    ),
    "provider-drops": (rb"$", rb"$"),
    "provider-errors": (rb"HTTP/1\.1 500 .*server_error", rb"HTTP/1\.1 500 .*server_error"),
    "provider-outage": (rb"$", rb"$"),
    "provider-refuses": (rb"HTTP/1\.1 400 .*invalid_request_error", rb"HTTP/1\.1 400 .*invalid_request_error"),
    "quota-exceeded": (rb"HTTP/1\.1 429 .*insufficient_quota", rb"HTTP/1\.1 429 .*insufficient_quota"),
    "rate-limited": (
        rb"HTTP/1\.1 429 .*retry-after: 1\r\n.*rate_limit_exceeded",
        rb"HTTP/1\.1 429 .*retry-after: 1\r\n.*rate_limit_exceeded",
    ),
    "slow-first-token": (rb"HTTP/1\.1 200 .*}$", rb"HTTP/1\.1 200 .*\[DONE\]"),
    "stream-cut": (rb'HTTP/1\.1 200 .*"content":"w1 w$', rb'HTTP/1\.1 200 .* w1"}.*"content":" w\r\n$'),
    "stream-stall": (rb'HTTP/1\.1 200 .*"content":"w1 w$', rb'HTTP/1\.1 200 .* w1"}.*}\n\n\r\n$'),
    "stream-unterminated": (rb"HTTP/1\.1 200 .*}$", rb'HTTP/1\.1 200 .*"total_tokens":7}}\n\n\r\n0\r\n\r\n$'),
    "tokens-exhausted": (
        rb"HTTP/1\.1 429 .*x-ratelimit-remaining-tokens: \d\r\n.*retry-after: \d\r\n.*Limit 60",
        rb"HTTP/1\.1 429 .*x-ratelimit-remaining-tokens: \d\r\n.*retry-after: \d\r\n.*Limit 60",
    ),
    "wrong-content-type": (
        rb"HTTP/1\.1 200 OK\r\ncontent-type: text/html\r\n.*}$",
        rb"HTTP/1\.1 200 OK\r\ncontent-type: text/html\r\n.*\[DONE\]",
    ),
    "wrong-usage": (rb'HTTP/1\.1 200 .*"total_tokens":14}}$', rb'HTTP/1\.1 200 .*"total_tokens":14}}.*\[DONE\]'),
}
# So slow that nobody who is late finds a token again.
ON_THE_WIRE: dict[str, dict[str, Value]] = {"tokens-exhausted": {"tokens_per_minute": 60}}
# Status, end and tokens of the row of the streamed one.
ROWS = {
    "fail-first": (503, FAILED, 0),
    "provider-drops": (0, DROPPED, 0),
    "provider-errors": (500, FAILED, 0),
    "provider-outage": (0, DROPPED, 0),
    "provider-refuses": (400, FAILED, 0),
    "quota-exceeded": (429, FAILED, 0),
    "rate-limited": (429, FAILED, 0),
    "stream-cut": (200, DROPPED, 1),
    "stream-stall": (200, DROPPED, 1),
    "tokens-exhausted": (429, FAILED, 0),
}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One provider for the module; each answer takes a tenth of a second, which no canary should notice."""
    latency = {"ttft_median_ms": 100, "ttft_sigma": 0, "token_ms": 1}
    with Running(tmp_path_factory.mktemp("provider"), latency=latency, vocabularies=VOCABULARIES) as running:
        yield running
        assert running.errors == ""


class On:
    """A fault on the provider, with its canary; leave the block and it is off."""

    def __init__(self, provider: Running, fault: PlannedFault) -> None:
        self.lever = ProviderLever(fault, [f"http://127.0.0.1:{provider.port}"], TOKEN)
        self.canary = Canary(fault, Address("127.0.0.1", provider.port, "/v1/models"), RUN)

    def __enter__(self) -> On:
        return self

    def __exit__(self, *_: object) -> None:
        self.lever.clear()
        self.lever.close()
        self.canary.close()


def ask(provider: Running, what: dict[str, Any], *, patience_s: float = 10.0) -> bytes:
    """What comes back until the provider closes, or until patience ends."""
    body = orjson.dumps(what)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nconnection: close\r\n"
        f"x-request-id: gb-{RUN}-{next(ARRIVALS)}-0-l\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    answer = b""
    with socket.create_connection(("127.0.0.1", provider.port), timeout=patience_s) as connection:
        connection.sendall(head.encode() + body)
        try:
            while data := connection.recv(65_536):
                answer += data
        except TimeoutError:
            pass
    return answer


def rows_after(provider: Running, before: int) -> list[dict[str, int]]:
    """The rows since there were so many."""
    provider.flush()
    return provider.rows[before:]


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_proven_and_so_is_its_end(provider: Running, name: str) -> None:
    """Its canaries answer, meet it over pooled connections and fresh ones, and answer again; they are in no count."""
    before = len(rows_after(provider, 0))
    with On(provider, planned(name, "fault-0")) as on:
        assert {probe.met for probe in on.canary.before()} == {"answer"}
        on.lever.apply(MINUTE_NS)
        during = on.canary.during(SPARE_NS)
        assert {probe.pooled for probe in during} == {True, False}
        assert on.canary.bites(during), during
        assert not on.canary.is_gone(during)
        assert on.lever.clear().hits == 0
        assert on.canary.is_gone(on.canary.after())
    rows = rows_after(provider, before)
    assert {row["kind"] for row in rows} == {KINDS.index("canary")}
    assert [row["fault"] for row in rows].count(CODES["fault-0"]) == len(during)


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_ends_by_itself(provider: Running, name: str) -> None:
    """At its time to live nothing is left of it, with nobody's doing."""
    with On(provider, planned(name, "fault-0")) as on:
        on.canary.before()
        applied_ns = on.lever.apply(20 * MS)
        time.sleep(max(0.0, (applied_ns + 20 * MS - time.monotonic_ns()) / 1e9))
        assert on.canary.is_gone(on.canary.after())
        assert on.lever.clear().at_ns == applied_ns + 20 * MS


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_fault_on_the_wire(provider: Running, name: str, streamed: bool) -> None:
    """What a caller gets, to the byte; the row tells of it, and the fault counts it."""
    before = len(rows_after(provider, 0))
    with On(provider, planned(name, "fault-0", **ON_THE_WIRE.get(name, {}))) as on:
        start = time.monotonic()
        on.lever.apply(1000 * MS if name == "stream-stall" else MINUTE_NS)
        answer = ask(provider, STREAM if streamed else CHAT)
        took_s = time.monotonic() - start
        assert re.match(WIRE[name][streamed], answer, re.DOTALL), answer
        assert on.lever.clear().hits == 1
        answer = ask(provider, STREAM if streamed else CHAT)
        assert answer.endswith(b"0\r\n\r\n" if streamed else b"}}")
    hit, healed = rows_after(provider, before)
    assert (hit["status"], hit["end"], hit["tokens_out"]) == ROWS.get(name, (200, COMPLETED, 4))
    assert (hit["fault"], healed["fault"]) == (CODES["fault-0"], 0)
    assert (healed["status"], healed["end"], healed["tokens_out"]) == (200, COMPLETED, 4)
    if name == "slow-first-token":
        assert took_s > 0.59
    if name == "stream-stall":
        assert 0.95 < took_s < 10


@pytest.mark.parametrize("name", ["slow-first-token", "stream-cut", "wrong-usage"])
def test_faults_on_one_provider_leave_each_others_proof_alone(provider: Running, name: str) -> None:
    """While an outage is on for everybody, the canaries of another fault prove it and its end."""
    with On(provider, planned("provider-outage", "fault-1")) as outage, On(provider, planned(name, "fault-0")) as on:
        outage.canary.before()
        outage.lever.apply(MINUTE_NS)
        assert {probe.met for probe in on.canary.before()} == {"answer"}
        on.lever.apply(MINUTE_NS)
        assert on.canary.bites(on.canary.during(SPARE_NS))
        assert outage.canary.bites(outage.canary.during(SPARE_NS))
        on.lever.clear()
        assert on.canary.is_gone(on.canary.after())
        assert ask(provider, CHAT) == b""


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("provider-errors", {"status": 529, "route": "/v1/messages", "probability": 0.0}),
        ("provider-errors", {"route": "/rest/", "nth": 1000}),
        ("provider-outage", {"status": 502, "tenant": "tenant-1"}),
        ("stream-cut", {"route": "/v1/messages", "after_tokens": 2}),
        ("stream-stall", {"route": "/v1/embeddings"}),
        ("stream-unterminated", {"route": "/v1/messages", "model": "big"}),
        ("malformed-answer", {"route": "/v1/embeddings"}),
        ("wrong-usage", {"route": "/v1/embeddings", "factor": 0.5}),
        ("wrong-usage", {"route": "/v1/messages"}),
        ("wrong-content-type", {"content_type": "application/xml", "route": "/v1/models"}),
        ("slow-first-token", {"delay_ms": 800, "route": "/rest/items/3"}),  # far above what a busy machine adds
        ("latency-ramp", {"from_ms": 400, "to_ms": 100, "over_s": 1.0}),
        ("tokens-exhausted", {"tokens_per_minute": 1_000_000_000, "route": "/v1/messages"}),
    ],
)
def test_what_a_fault_is_about_is_what_its_canaries_ask(
    provider: Running, name: str, parameters: dict[str, Value]
) -> None:
    """Other routes, rare victims, other parameters: each is proven, and so is its end."""
    with On(provider, planned(name, "fault-0", **parameters)) as on:
        assert {probe.met for probe in on.canary.before()} == {"answer"}
        on.lever.apply(MINUTE_NS)
        during = on.canary.during(SPARE_NS)
        assert on.canary.bites(during), during
        on.lever.clear()
        assert on.canary.is_gone(on.canary.after())


def test_a_fault_that_is_too_weak_is_not_proven(provider: Running) -> None:
    """A provider that adds less than was configured has a fidelity that says so."""
    asked_for = planned("slow-first-token", "fault-0", delay_ms=2400)
    with On(provider, asked_for) as on, On(provider, planned("slow-first-token", "fault-0", delay_ms=1200)) as really:
        on.canary.before()
        really.lever.apply(MINUTE_NS)
        during = on.canary.during(SPARE_NS)
        assert not on.canary.bites(during)
        assert on.canary.fidelity(during) == pytest.approx(0.5, abs=0.1)


def test_a_ramp_that_does_not_rise_is_not_proven(provider: Running) -> None:
    """It says truly what it added, and that is less than it must have been by then."""
    fast, slow = (planned("latency-ramp", "fault-0", from_ms=0, to_ms=to_ms, over_s=1.0) for to_ms in (500, 50))
    with On(provider, fast) as on, On(provider, slow) as really:
        on.canary.before()
        really.lever.apply(MINUTE_NS)
        time.sleep(0.3)
        during = on.canary.during(SPARE_NS)
        assert not on.canary.bites(during)
        assert all(re.fullmatch(r"\d+ ms added", probe.met) for probe in during), during


def test_who_leaves_a_stalled_stream_is_written_down(provider: Running) -> None:
    """At once, as cancelled, with the tokens that were written."""
    before = len(rows_after(provider, 0))
    with On(provider, planned("stream-stall", "fault-0")) as on:
        on.lever.apply(MINUTE_NS)
        answer = ask(provider, STREAM, patience_s=2.0)
        deadline = time.monotonic() + 5
        while not (rows := rows_after(provider, before)):
            assert time.monotonic() < deadline
            time.sleep(0.005)
    assert b" w1" in answer
    assert (rows[0]["status"], rows[0]["end"], rows[0]["tokens_out"]) == (200, CANCELLED, 1)


def test_a_share_of_a_real_link(server: Server, provider: Running) -> None:
    """A toxic with a toxicity of 0.3 resets about so many connections; its removal is proven too."""
    port = server.add_proxy(f"127.0.0.1:{provider.port}")
    fault = using(toxic("reset", "RST", timeout=0), toxicity=0.3)
    canary = Canary(fault, Address("127.0.0.1", port, "/v1/models"), RUN)
    for attempt in range(2):  # a right share is refused twice in a thousand times
        assert {probe.met for probe in canary.before()} == {"answer"}
        server.add_toxic("reset_peer", name="reset", toxicity=0.3, timeout=0)
        during = canary.during(SPARE_NS)
        server.remove_toxic("reset")
        if canary.bites(during) or attempt:
            break
    assert canary.bites(during), sorted((probe.pooled, probe.met) for probe in during)
    assert canary.is_gone(canary.after())
    assert timeout_s(fault.definition, fault.parameters) == 0.5
