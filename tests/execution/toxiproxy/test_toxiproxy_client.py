"""The client says in sentences what is wrong, and two of them never get in each other's way."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gatebench.errors import ConfigurationError, EnvironmentFailure
from gatebench.execution.topology.ports import free_ports
from gatebench.execution.toxiproxy.client import Engine, Refused


class Stub(ThreadingHTTPServer):
    """A server that answers every request in the way it is told to, and writes down what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 200
        self.answer = b'{"version": "9.9.9"}'
        self.headers: dict[str, str] = {}
        self.delay_s = 0.0
        self.asked: list[tuple[str, str, bytes]] = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Answering)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answering(BaseHTTPRequestHandler):
    server: Stub

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append((self.command, self.path, body))
        time.sleep(self.server.delay_s)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names http.server looks for

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Run a stub."""
    server = Stub()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("url", ["127.0.0.1:8474", "https://127.0.0.1:8474", "http://", "http://127.0.0.1:8474/api"])
def test_what_is_no_url_is_a_configuration_error(url: str) -> None:
    """The problem says how to write one."""
    with pytest.raises(ConfigurationError, match="Write http://HOST:PORT"):
        Engine(url, prefix="p-")


def test_a_remote_host_needs_permission() -> None:
    """Nothing is sent to a host that nobody named, and the cure is said."""
    with pytest.raises(ConfigurationError, match=r"--allow-remote 192\.0\.2\.1"):
        Engine("http://192.0.2.1:8474", prefix="p-").version()


def test_nobody_there() -> None:
    """A sentence with the address; waiting gives up after its time."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    engine = Engine(url, prefix="p-")
    with pytest.raises(EnvironmentFailure, match=f"^Toxiproxy at {url} does not answer GET /version"):
        engine.version()
    with pytest.raises(EnvironmentFailure, match=r"^Not ready within 0\.05 s: Toxiproxy at"):
        engine.wait_ready(0.05)


def test_somebody_else_there(stub: Stub) -> None:
    """A web server that is not Toxiproxy is told from one that is."""
    stub.answer = b"<html>hello</html>"
    with pytest.raises(EnvironmentFailure, match="it is not Toxiproxy"):
        Engine(stub.url, prefix="p-").version()


def test_a_server_that_hangs(stub: Stub) -> None:
    """The deadline is ours; the package has none."""
    stub.delay_s = 2.0
    with pytest.raises(EnvironmentFailure, match=r"took longer than 0\.1 s for POST /proxies/p-link\."):
        Engine(stub.url, prefix="p-", timeout_s=0.1).bring_up("link")


def test_a_refusal_carries_status_and_text(stub: Stub) -> None:
    """The server's own words are in the sentence."""
    stub.status, stub.answer = 500, b'{"error":"listen tcp 127.0.0.1:1: bind: permission denied","status":500}\n'
    with pytest.raises(
        Refused, match=r"POST /proxies/p-link/toxics: listen tcp 127\.0\.0\.1:1: bind: permission denied\.$"
    ) as refused:
        Engine(stub.url, prefix="p-").add_toxic("link", "t", "noop", "upstream", {})
    assert refused.value.status == 500
    assert refused.value.exit_code == 5


def test_removing_what_is_gone_is_fine(stub: Stub) -> None:
    """404 is what was wanted; any other refusal is not."""
    stub.status = 404
    assert Engine(stub.url, prefix="p-").remove_toxic("link", "t") > 0
    stub.status = 503
    with pytest.raises(Refused):
        Engine(stub.url, prefix="p-").remove_toxic("link", "t")


def test_the_engines_word_on_when_counts_if_its_clock_is_ours(stub: Stub) -> None:
    """A time outside the call comes from another machine's clock and is replaced by our own."""
    engine = Engine(stub.url, prefix="p-")
    for at_ns in ("17", str(time.monotonic_ns() + 10**15), "nonsense"):
        stub.headers = {"x-gatebench-at-ns": at_ns}
        before_ns = time.monotonic_ns()
        assert before_ns <= engine.bring_up("link") <= time.monotonic_ns()


def test_names_are_quoted_and_prefixed(stub: Stub) -> None:
    """A toxic's name is a path segment, whatever it contains; the link's name for draws has no prefix."""
    engine = Engine(stub.url, prefix="p-")
    engine.add_toxic("a b", "c?d", "latency", "upstream", {"latency": 1}, toxicity=0.5, ttl_ms=7)
    engine.remove_toxic("a b", "c?d")
    assert [(method, path) for method, path, _ in stub.asked] == [
        ("POST", "/proxies/p-a%20b/toxics"),
        ("DELETE", "/proxies/p-a%20b/toxics/c%3Fd"),
    ]
    assert json.loads(stub.asked[0][2]) == {
        "name": "c?d",
        "type": "latency",
        "stream": "upstream",
        "toxicity": 0.5,
        "attributes": {"latency": 1},
        "ttl_ms": 7,
        "draw_as": "a b",
    }


def test_the_environments_proxy_is_not_used(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control path goes straight."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert Engine(stub.url, prefix="p-").version() == "9.9.9"


@pytest.fixture
def two_stubs() -> Iterator[tuple[Stub, Stub]]:
    """Run two stubs that report different versions."""
    stubs = Stub(), Stub()
    for number, server in enumerate(stubs):
        server.answer = b'{"version": "%d"}' % number
    yield stubs
    for server in stubs:
        server.shutdown()
        server.server_close()


def test_two_engines_keep_apart_in_threads(two_stubs: tuple[Stub, Stub]) -> None:
    """Four hundred calls from eight threads, each answered by its own server."""
    engines = [Engine(server.url, prefix="p-") for server in two_stubs]
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda number: engines[number % 2].version(), range(400)))
    assert versions == ["0", "1"] * 200


def test_the_package_alone_does_mix_servers_up(two_stubs: tuple[Stub, Stub]) -> None:
    """The check above can fail: with the package as it is, the second server takes the first one's calls."""
    package = importlib.import_module("toxiproxy")
    clients = [package.Toxiproxy() for _ in two_stubs]
    before = (package.api.APIConsumer.host, package.api.APIConsumer.port)
    try:
        for client, server in zip(clients, two_stubs, strict=True):
            client.update_api_consumer("127.0.0.1", server.server_address[1])
        assert [json.loads(client.version())["version"] for client in clients] == ["1", "1"]
    finally:
        clients[0].update_api_consumer(*before)


def test_private_copies_leave_nothing_behind() -> None:
    """An engine touches neither the package that others import nor the table of modules."""
    package = importlib.import_module("toxiproxy")
    before = (package.api.APIConsumer.port, package.api.requests, set(sys.modules))
    Engine("http://127.0.0.1:12345", prefix="p-")
    assert (package.api.APIConsumer.port, package.api.requests, set(sys.modules)) == before
