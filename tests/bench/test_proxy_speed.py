"""What the embedded engine costs beside the real Toxiproxy, in one run on one machine: small requests, and one long stream."""

from __future__ import annotations

import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from gatebench.execution.topology.ports import free_ports
from tests.execution.toxiproxy.rig import PATIENCE_S, Kind, Server, real_server, running

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

ROUNDS = 3
ROUND_S = 2
LEAST_REQUESTS_RATIO = 1.0
LEAST_STREAM_RATIO = 0.5
LATENCY_MS = 5
STREAM_BYTES = 512 * 1024 * 1024
BLOCK_BYTES = 1024 * 1024
NGINX = """
worker_processes 1; daemon off; pid nginx.pid; error_log stderr;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 127.0.0.1:PORT backlog=4096; default_type application/json; location / { return 200 'ANSWER'; } }
}
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Speed:
    """One round of wrk: requests a second, their latency, and requests for each second of the proxy's processor time."""

    per_s: float
    p50_ms: float
    p99_ms: float
    per_cpu_s: float

    def __str__(self) -> str:
        cpu = f"{self.per_cpu_s:,.0f}" if self.per_cpu_s else ""
        return f"{self.per_s:,.0f} | {self.p50_ms:.2f} ms | {self.p99_ms:.2f} ms | {cpu}"


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Write a line of figures where whoever runs the benchmark sees it."""

    def write(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}")

    return write


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[int]:
    """An nginx of one process that answers a constant as long as a provider's answer."""
    port = free_ports(1)[0]
    (tmp_path / "nginx.conf").write_text(NGINX.replace("PORT", str(port)).replace("ANSWER", "x" * 560))
    command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
        yield port
        process.terminate()


@pytest.mark.skipif(not (shutil.which("wrk") and shutil.which("nginx")), reason="needs wrk and nginx")
def test_requests_beside_the_real_server(nginx: int, say: Say) -> None:
    """With and without a toxic the embedded engine serves at least as many requests for a second of processor time."""
    real_server()
    measured: dict[tuple[str, str], list[Speed]] = {}
    with running("toxiproxy") as real, running("embedded") as ours:
        ports = {server.kind: server.add_proxy(f"127.0.0.1:{nginx}") for server in (real, ours)}
        for _ in range(ROUNDS):
            measured.setdefault(("none", "no toxics"), []).append(drive(nginx, 32))
            for server in (real, ours):
                port = ports[server.kind]
                measured.setdefault((server.kind, "no toxics"), []).append(drive(port, 32, server))
                measured.setdefault((server.kind, "one connection"), []).append(drive(port, 1, server))
                server.add_toxic("latency", name="slow", latency=LATENCY_MS)
                slow = f"latency {LATENCY_MS} ms"
                measured.setdefault((server.kind, slow), []).append(drive(port, 128, server))
                server.remove_toxic("slow")
    say("| proxy | | requests/s | p50 | p99 | requests per CPU-second of the proxy |\n|---|---|---|---|---|---|")
    for (kind, what), speeds in sorted(measured.items(), key=lambda item: item[0][1]):
        say(f"| {kind} | {what} | {median(speeds)} |")
    for what in sorted({what for kind, what in measured if kind == "embedded"}):
        ratio = median(measured["embedded", what]).per_cpu_s / median(measured["toxiproxy", what]).per_cpu_s
        say(f"{what}: {ratio:.2f} of the real server's requests for the same processor time")
        assert ratio >= LEAST_REQUESTS_RATIO


def test_a_stream_beside_the_real_server(say: Say) -> None:
    """One connection carries at least half of what it carries through the real server, with and without a toxic."""
    real_server()
    kinds: tuple[Kind, ...] = ("toxiproxy", "embedded")
    rates: dict[tuple[str, str], list[float]] = {}
    with running("toxiproxy") as real, running("embedded") as ours, socket.create_server(("127.0.0.1", 0)) as far:
        servers = {"toxiproxy": real, "embedded": ours}
        ports = {kind: servers[kind].add_proxy(f"127.0.0.1:{far.getsockname()[1]}") for kind in kinds}
        for _ in range(ROUNDS):
            for kind in kinds:
                rates.setdefault((kind, "no toxics"), []).append(stream_mb_per_s(ports[kind], far))
                servers[kind].add_toxic("latency", name="slow", latency=100)
                rates.setdefault((kind, "latency 100 ms"), []).append(stream_mb_per_s(ports[kind], far))
                servers[kind].remove_toxic("slow")
    say("| one stream | real | embedded | ratio |\n|---|---|---|---|")
    for what in ("no toxics", "latency 100 ms"):
        theirs, our = (statistics.median(rates[kind, what]) for kind in kinds)
        say(f"| {what} | {theirs:,.0f} MB/s | {our:,.0f} MB/s | {our / theirs:.2f} |")
        assert our >= LEAST_STREAM_RATIO * theirs


def drive(port: int, connections: int, server: Server | None = None) -> Speed:
    """Drive a port as fast as it goes, for one round."""
    before_s = cpu_s(server)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{ROUND_S}s", "--latency", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    spent_s = cpu_s(server) - before_s
    assert "Non-2xx" not in said
    assert "Socket errors" not in said
    figures = [re.search(pattern, said) for pattern in (r"Requests/sec:\s+(\S+)", r"50%\s+(\S+)", r"99%\s+(\S+)")]
    requests = re.search(r"(\d+) requests in", said)
    rate, p50, p99 = (figure[1] if figure else "" for figure in figures)
    assert requests is not None
    return Speed(float(rate), ms(p50), ms(p99), int(requests[1]) / spent_s if spent_s else 0.0)


def cpu_s(server: Server | None) -> float:
    """Return the processor time that a server has taken."""
    return sum(psutil.Process(server.process.pid).cpu_times()[:2]) if server else 0.0


def ms(text: str) -> float:
    """Return a duration as wrk writes it, in milliseconds."""
    for unit, factor in (("us", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def median(speeds: list[Speed]) -> Speed:
    """The median of each figure."""
    columns = [[getattr(speed, name) for speed in speeds] for name in ("per_s", "p50_ms", "p99_ms", "per_cpu_s")]
    return Speed(*(statistics.median(column) for column in columns))


def stream_mb_per_s(port: int, far: socket.socket) -> float:
    """Return how fast half a gigabyte comes down one connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        server, _ = far.accept()
        with server:
            block = bytes(BLOCK_BYTES)

            def send() -> None:
                for _ in range(STREAM_BYTES // BLOCK_BYTES):
                    server.sendall(block)

            sender = threading.Thread(target=send, daemon=True)
            start_s = time.monotonic()
            sender.start()
            got, room = 0, bytearray(BLOCK_BYTES)
            while got < STREAM_BYTES:
                got += client.recv_into(room)
            taken_s = time.monotonic() - start_s
            sender.join()
    return STREAM_BYTES / taken_s / 1e6
