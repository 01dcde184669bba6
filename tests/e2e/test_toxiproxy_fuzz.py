"""Whatever is sent to the API is answered, at once, and never with a 5xx that is not about a port."""

from __future__ import annotations

import json
import random
import socket
import string
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gatebench.execution.toxiproxy.program import command
from tests.execution.toxiproxy.rig import PATIENCE_S, Server, create, elapsed_ms, free_port, running

pytestmark = pytest.mark.e2e

REQUESTS = 2500
SLOWEST_MS = 10_000
METHODS = (*["POST"] * 12, *["PATCH"] * 4, "GET", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW")
NAMES = ("it", "t", "nope", "%00", "%2F", "%ff%fe", "..", "a b".replace(" ", "%20"), "%F0%9F%98%80", "x" * 3000)
FIELDS = (
    "name",
    "listen",
    "upstream",
    "enabled",
    "toxics",
    "type",
    "stream",
    "toxicity",
    "attributes",
    "ttl_ms",
    "draw_as",
)
ATTRIBUTES = ("latency", "jitter", "rate", "timeout", "delay", "bytes", "average_size", "size_variation", "loss_rate")
TYPES = (
    "latency",
    "bandwidth",
    "slow_close",
    "timeout",
    "reset_peer",
    "slicer",
    "limit_data",
    "packet_loss",
    "noop",
    "down",
)


@pytest.fixture(scope="module")
def process() -> Iterator[Server]:
    """Start one engine for the module: the real server is not ours to break."""
    with running("embedded") as server:
        yield server


def scalar(dice: random.Random) -> Any:
    """Return any value that JSON has, and some that are almost right."""
    return dice.choice(
        [
            None,
            True,
            False,
            0,
            1,
            -1,
            0.5,
            1e308,
            -0.0,
            2**63,
            -(2**63),
            10**400,
            "",
            "x",
            "upstream",
            "\x00",
            "\ud800",
            "127.0.0.1:0",
            "127.0.0.1:1",
            "[::1]:0",
            "localhost:",
            "300.1.1.1:5",
            "a/b",
            [],
            {},
            [[]],
            [None],
            "".join(dice.choices(string.printable, k=dice.randrange(40))),
            dice.choice(TYPES),
            dice.uniform(-2, 2),
            dice.randrange(-(10**6), 10**6),
        ]
    )


def thing(dice: random.Random, depth: int = 0) -> Any:
    """Return an object that looks like something the API reads."""
    if depth > 2 or dice.random() < 0.1:
        return scalar(dice)
    made: dict[str, Any] = {}
    if dice.random() < 0.7:
        made |= {"name": dice.choice(("it", "t", "new")), "upstream": "127.0.0.1:1", "type": dice.choice(TYPES)}
    for field in dice.sample(FIELDS, dice.randrange(5)):
        made[dice.choice((field, field.upper()))] = scalar(dice)
    if dice.random() < 0.6:
        made["attributes"] = {name: scalar(dice) for name in dice.sample(ATTRIBUTES, dice.randrange(4))}
    if dice.random() < 0.2:
        made["toxics"] = [thing(dice, depth + 1) for _ in range(dice.randrange(3))]
    if dice.random() < 0.2:
        return [thing(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {"proxies": [made]} if dice.random() < 0.1 else made


def body(dice: random.Random) -> bytes:
    """Return a body: mostly JSON, sometimes broken somewhere."""
    text = json.dumps(thing(dice)).encode()
    if dice.random() < 0.2 and text:
        place = dice.randrange(len(text))
        text = text[:place] + dice.randbytes(dice.randrange(4)) + text[place + dice.randrange(3) :]
    return dice.randbytes(dice.randrange(60)) if dice.random() < 0.05 else text


def path(dice: random.Random) -> str:
    """Return a path that is routed, or almost."""
    if dice.random() < 0.8:
        return dice.choice(("/populate", "/proxies", "/proxies/it", "/proxies/it/toxics", "/proxies/it/toxics/t"))
    name, toxic = dice.choice(NAMES), dice.choice(NAMES)
    routes = ["/version", "/reset", "/populate", "/proxies", "/metrics", f"/proxies/{name}"]
    routes += [f"/proxies/{name}/toxics", f"/proxies/it/toxics/{toxic}", f"/proxies/it/toxics?{toxic}", f"/{name}/"]
    return dice.choice(routes)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_request_is_answered(server: Server, seed: int) -> None:
    """Random methods, paths and bodies: 2xx, 3xx or 4xx in time, each with a body its client can read, and all goes on."""
    dice = random.Random(seed)
    for number in range(REQUESTS):
        if number % 20 == 0:
            server.clean()
            create(server)
            server.add_toxic("latency", name="t")
        method, where, content = dice.choice(METHODS), path(dice), body(dice)
        start_ns = time.monotonic_ns()
        reply = server.ask(method, where, content)
        said = (method, where, content, reply.status, reply.text)
        assert elapsed_ms(start_ns) < SLOWEST_MS, said
        assert 200 <= reply.status < 500 or about_an_address(reply.text), said
        if reply.text.startswith("{"):
            assert isinstance(reply.json, dict), said
        if reply.status == 400 and reply.text.startswith("{"):
            assert reply.json["status"] == 400, said
            assert reply.json["error"], said
    assert server.ask("GET", "/version").status == 200


def about_an_address(text: str) -> bool:
    """Tell whether an error is the real server's own 500: what cannot be listened on."""
    error = str(json.loads(text)["error"])
    return "address " in error or "listen tcp" in error


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"name":',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"name":"x","upstream":"127.0.0.1:1","toxics":[{"type":"latency","attributes":{"latency":1e400}}]}',
        b'{"name":"x","upstream":"127.0.0.1:99999"}',
        b'{"name":"x","upstream":":::"}',
        b'{"name":{},"upstream":[]}',
        b"-",
        b'"',
        b"nul",
    ],
)
@pytest.mark.parametrize("where", ["/proxies", "/populate", "/proxies/it/toxics", "/proxies/it"])
def test_malformed_bodies_are_400(server: Server, where: str, content: bytes) -> None:
    """Each with a sentence; an update alone may take an object whose fields do not concern it."""
    create(server)
    reply = server.ask("POST", where, content)
    harmless = where == "/proxies/it" and b'"upstream":"127.0.0.1:1"' in content
    assert reply.status == (200 if harmless else 400)
    assert harmless or len(reply.json["error"]) > 3


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00\xff\x00\xff" * 10 + b"\r\n\r\n",
        b"GET /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"GET /version HTTP/1.1\r\n\r\n",
        b"GET /proxies/\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET http://127.0.0.1/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_hardly_http(server: Server, raw: bytes) -> None:
    """An answer that is no 5xx, or an end; never silence while the client has finished speaking, and others are served on."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := sock.recv(65536):
            got += chunk
    assert not got.startswith(b"HTTP/1.1 5")
    assert server.ask("GET", "/version").status == 200


def test_nobody_reads_what_it_says() -> None:
    """Three thousand malformed requests of an engine whose standard error is a pipe that is never emptied: it answers on."""
    port = free_port()
    process = subprocess.Popen(command("embedded", port, 1), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        server = Server("embedded", port, process)
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(3000):
            assert server.ask("BREW", "/proxies").status == 400
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_a_request_that_never_ends_holds_nobody_up(server: Server) -> None:
    """Fifty clients stop in the middle of their request; the next one is served at once."""
    stuck = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) for _ in range(50)]
    for sock in stuck:
        sock.sendall(b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    start_ns = time.monotonic_ns()
    assert server.ask("GET", "/version").status == 200
    assert elapsed_ms(start_ns) < SLOWEST_MS
    for sock in stuck:
        sock.close()
