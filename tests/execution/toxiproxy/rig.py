"""A Toxiproxy server of either kind as a black box: started, asked over HTTP, and given traffic over sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gatebench.execution.topology.ports import free_ports
from gatebench.execution.toxiproxy.program import command, find_real_server

Kind = Literal["embedded", "toxiproxy"]
KINDS: tuple[Kind, ...] = ("embedded", "toxiproxy")
PATIENCE_S = 20.0
PROXY = {"name": "it", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}


def real_server() -> str:
    """Return the real server's path; skip the test, with the reason, where there is none."""
    program = find_real_server()
    if program is None:
        pytest.skip("no real Toxiproxy: toxiproxy-server is neither on PATH nor in .tools/")
    return program


BESIDE_OTHERS_MS = 4000  # what a call may take where other tests use the machine; it is a dead-lock that takes for ever


def free_port() -> int:
    """Return a port of the loopback that nobody listens on, and that no outgoing connection is given."""
    return free_ports(1)[0]


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """Give a port at which a connection is neither accepted nor refused: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):  # the queue takes one more than it was told
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        yield int(listener.getsockname()[1])


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.text)


@dataclass
class Server:
    """A running server."""

    kind: Kind
    port: int
    process: subprocess.Popen[Any]

    def ask(self, method: str, path: str, content: Any = None, **headers: str) -> Reply:
        """Make one request; `content` is sent as it is when it is bytes, as JSON otherwise."""
        body = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            shown = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, shown, answer.read().decode())
        finally:
            connection.close()

    def add_proxy(self, upstream: str, name: str = "it", **more: Any) -> int:
        """Create a proxy on a free port and return the port."""
        reply = self.ask("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": upstream, **more})
        assert reply.status == 201, reply
        return int(reply.json["listen"].rpartition(":")[2])

    def add_toxic(self, type_name: str, stream: str = "downstream", proxy: str = "it", **more: Any) -> Reply:
        """Put a toxic on a proxy; what is no field of the API is an attribute."""
        fields = {key: more.pop(key) for key in ("name", "toxicity", "ttl_ms", "draw_as") if key in more}
        reply = self.ask(
            "POST", f"/proxies/{proxy}/toxics", {"type": type_name, "stream": stream, "attributes": more, **fields}
        )
        assert reply.status == 200, reply
        return reply

    def remove_toxic(self, name: str, proxy: str = "it") -> None:
        """Take a toxic off a proxy."""
        assert self.ask("DELETE", f"/proxies/{proxy}/toxics/{name}").status == 204

    def clean(self) -> None:
        """Remove every proxy."""
        for name in self.ask("GET", "/proxies").json:
            assert self.ask("DELETE", f"/proxies/{quote(name, safe='')}").status == 204


@contextlib.contextmanager
def running(
    kind: Kind, *, seed: int = 1, allow_remote: tuple[str, ...] = (), more: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Start a server, with `more` arguments of its own, wait until it answers, and end it."""
    port = free_port()
    program = real_server() if kind == "toxiproxy" else None
    arguments = [*command(kind, port, seed, program, allow_remote), *more]
    if kind == "toxiproxy":
        arguments += ["-proxy-metrics", "-runtime-metrics"]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=said, stdin=subprocess.DEVNULL, text=True
        ) as process,
    ):
        server = Server(kind, port, process)
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while True:
                try:
                    server.ask("GET", "/version")
                    break
                except OSError:
                    assert process.poll() is None, (said.seek(0), said.read())
                    assert time.monotonic() < deadline_s, "the server does not answer"
                    time.sleep(0.01)
            yield server
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@dataclass
class Upstream:
    """A TCP server whose connections the test takes by hand."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=256))
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def pair(self, proxy_port: int) -> tuple[socket.socket, socket.socket]:
        """Connect through a proxy; returns the client's socket and the upstream's."""
        client = self.connect(proxy_port)
        self.listener.settimeout(PATIENCE_S)
        server, _ = self.listener.accept()
        return client, self._keep(server)

    def connect(self, proxy_port: int) -> socket.socket:
        """Connect to a proxy; returns the client's socket."""
        return self._keep(socket.create_connection(("127.0.0.1", proxy_port), timeout=PATIENCE_S))

    def victims(self, proxy_port: int, connections: int) -> set[int]:
        """Connect that often, one after the other; returns the ordinals of those whose data a `timeout` upstream dropped.

        The client sends and ends: a victim's upstream reads the end alone. No clock decides.
        """
        victims = set()
        for ordinal in range(connections):
            client, server = self.pair(proxy_port)
            client.sendall(b"x")
            client.shutdown(socket.SHUT_WR)
            if read(server, 1) == b"":
                victims.add(ordinal)
            client.close()
            server.close()
        return victims

    def echo_everybody(self) -> None:
        """Echo on every connection from now on, in threads."""

        def serve() -> None:
            self.listener.settimeout(None)
            with contextlib.suppress(OSError):
                while True:
                    far, _ = self.listener.accept()
                    echoing(self._keep(far))

        threading.Thread(target=serve, daemon=True).start()

    def forget(self) -> None:
        """Close every connection that was made so far."""
        while self._open:
            self._open.pop().close()

    def close(self) -> None:
        """Close everything."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self.forget()
        self.listener.close()

    def _keep(self, sock: socket.socket) -> socket.socket:
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.append(sock)
        return sock


def echoing(server: socket.socket) -> threading.Thread:
    """Echo what a socket receives until it ends, in a thread."""

    def echo() -> None:
        with contextlib.suppress(OSError):
            while chunk := server.recv(65536):
                server.sendall(chunk)

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    return thread


def sending(sock: socket.socket, data: bytes) -> threading.Thread:
    """Send in a thread, so that the test can read meanwhile."""

    def send() -> None:
        with contextlib.suppress(OSError):
            sock.sendall(data)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def read(sock: socket.socket, size: int) -> bytes:
    """Read exactly `size` bytes, fewer only at the end of the stream."""
    got = bytearray()
    while len(got) < size and (chunk := sock.recv(min(65536, size - len(got)))):
        got += chunk
    return bytes(got)


def ending(sock: socket.socket, within_s: float = PATIENCE_S) -> str:
    """Return how a connection ends: `FIN`, `RST`, or `open` when it does not within the time; data before it are dropped."""
    sock.settimeout(within_s)
    try:
        while sock.recv(65536):
            pass
    except TimeoutError:
        return "open"
    except ConnectionResetError:
        return "RST"
    return "FIN"


def elapsed_ms(start_ns: int) -> float:
    """Return the milliseconds since `start_ns`."""
    return (time.monotonic_ns() - start_ns) / 1e6


def echo_ms(sock: socket.socket) -> float:
    """Return how long one byte takes there and back."""
    start_ns = time.monotonic_ns()
    sock.sendall(b"x")
    assert read(sock, 1) == b"x"
    return elapsed_ms(start_ns)


def transfer_ms(source: socket.socket, sink: socket.socket, data: bytes) -> float:
    """Return how long `data` takes from one socket to the other."""
    start_ns = time.monotonic_ns()
    sender = sending(source, data)
    assert read(sink, len(data)) == data
    taken_ms = elapsed_ms(start_ns)
    sender.join()
    return taken_ms


def pieces(sock: socket.socket, size: int) -> list[int]:
    """Read `size` bytes and return the length of every single read."""
    lengths: list[int] = []
    while sum(lengths) < size and (chunk := sock.recv(65536)):
        lengths.append(len(chunk))
    return lengths


def create(server: Server, **fields: Any) -> Any:
    """Create a proxy and return it as it is shown."""
    reply = server.ask("POST", "/proxies", PROXY | fields)
    assert reply.status == 201, reply
    return reply.json


def received(server: Server) -> float:
    """Return the bytes received from clients by the proxies that are there, 0 when nothing is said."""
    listeners = {proxy["listen"] for proxy in server.ask("GET", "/proxies").json.values()}
    return sum(
        sample.value
        for family in text_string_to_metric_families(server.ask("GET", "/metrics").text)
        for sample in family.samples
        if sample.name == "toxiproxy_proxy_received_bytes_total"
        and sample.labels["direction"] == "upstream"
        and sample.labels["listener"] in listeners
    )
