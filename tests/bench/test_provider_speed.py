"""How fast a provider answers, beside nginx answering a constant, in the same run on the same machine."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from gatebench.execution.topology.ports import free_ports
from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.application import Application
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.execution.upstream.connection import Connection
from gatebench.execution.upstream.ledger import Ledger
from gatebench.run.stream import StreamWriter
from gatebench.sample import ATTEMPT
from tests.execution.upstream.running import PATIENCE_S, RUN, Running, write_config

pytestmark = [pytest.mark.bench, pytest.mark.timeout(180)]

ROUNDS = 5
ROUND_S = 2
# 30 000 answers a second of a core are about a third of nginx's 90 000. A crowded machine costs an interpreter, with its
# larger footprint in the caches, up to half of that share; under uvicorn it is 0.11 on the same machine.
SLOWEST_SHARE_OF_NGINX = 0.15

PROMPT = "amber anchor apple arrow autumn basin beacon birch border bridge bronze canyon carbon cedar circle cliff"
BODY = f'{{"model":"gatebench-small","messages":[{{"role":"user","content":"{PROMPT}"}}],"max_tokens":24}}'
POST_LUA = f"""
local number = 0
local headers = {{["content-type"] = "application/json", ["x-gatebench-tenant"] = "tenant-1"}}
function request()
  number = number + 1
  headers["x-request-id"] = "gb-{RUN}-" .. number .. "-0-l"
  return wrk.format("POST", "/v1/chat/completions", headers, '{BODY}')
end
"""
NGINX = """
worker_processes 1; daemon off; pid nginx.pid; error_log stderr;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 127.0.0.1:PORT; default_type application/json; location / { return 200 'ANSWER'; } }
}
"""


@dataclass(frozen=True)
class Speed:
    """Answers a second of the clock, and for each second of the server's processor time."""

    per_s: float
    per_cpu_s: float

    def __str__(self) -> str:
        return f"{self.per_s:,.0f}/s, {self.per_cpu_s:,.0f} for each second of processor time"


def drive(port: int, script: Path, processes: list[psutil.Process]) -> Speed:
    """Drive one server as fast as it goes, for one round."""
    before_s = sum(sum(process.cpu_times()[:2]) for process in processes)
    command = ["wrk", "-t1", "-c32", f"-d{ROUND_S}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    spent_s = sum(sum(process.cpu_times()[:2]) for process in processes) - before_s
    assert "Non-2xx" not in said
    assert "Socket errors" not in said
    answers = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert answers is not None
    assert rate is not None
    return Speed(float(rate[1]), int(answers[1]) / spent_s)


def median(speeds: list[Speed]) -> Speed:
    """The median of each figure."""
    return Speed(statistics.median(s.per_s for s in speeds), statistics.median(s.per_cpu_s for s in speeds))


def until_it_listens(port: int) -> None:
    """Wait until somebody accepts connections on `port`."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[int, list[psutil.Process]]]:
    """An nginx of one process that answers a constant as long as a provider's answer."""
    port = free_ports(1)[0]
    (tmp_path / "nginx.conf").write_text(NGINX.replace("PORT", str(port)).replace("ANSWER", "x" * 560))
    command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until_it_listens(port)
    yield port, [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
    process.terminate()
    process.wait(PATIENCE_S)


@pytest.mark.skipif(not (shutil.which("wrk") and shutil.which("nginx")), reason="needs wrk and nginx")
def test_a_provider_beside_nginx(
    tmp_path: Path, nginx: tuple[int, list[psutil.Process]], capsys: pytest.CaptureFixture[str]
) -> None:
    """With its ledger on, a provider gives a fair share of the answers that nginx gives for the same processor time."""
    script = tmp_path / "post.lua"
    script.write_text(POST_LUA)
    ours: list[Speed] = []
    theirs: list[Speed] = []
    with Running(tmp_path) as provider:
        process = [psutil.Process(provider.process.pid)]
        drive(provider.port, script, process)  # warms both up
        for _ in range(ROUNDS):
            theirs.append(drive(nginx[0], script, nginx[1]))
            ours.append(drive(provider.port, script, process))
        state = provider.admin("GET", "state")[1]
        assert provider.stop() == 0
        assert len(provider.rows) == state["attempts"]
    share = statistics.median(our.per_cpu_s / their.per_cpu_s for our, their in zip(ours, theirs, strict=True))
    said = f"provider: {median(ours)}; nginx: {median(theirs)}; {share:.2f} of nginx for the same processor time"
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")
    assert share >= SLOWEST_SHARE_OF_NGINX, said


def test_the_cost_of_an_answer(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    """One request from its bytes to its answer and its row, without the operating system."""
    config = ProviderConfig.read(write_config(tmp_path))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx-request-id: gb-{RUN}-7-0-l\r\n"
    request = f"{head}content-length: {len(BODY)}\r\n\r\n{BODY}".encode()

    class Nowhere(asyncio.Transport):
        """Takes everything."""

        def write(self, data: bytes | bytearray | memoryview) -> None:
            """Take it."""

    async def serve() -> None:
        ledger = Ledger("provider-a", StreamWriter(ATTEMPT, config.stream_path, config.vocabularies), RUN)
        faults = ActiveFaults(7, ())
        control = Admin(name="a", token="t", ledger=ledger, faults=faults, mechanisms={}, clock=time.monotonic_ns)
        connection = Connection(Application(config, ledger, faults, control), set())
        connection.connection_made(Nowhere())
        benchmark(connection.data_received, request)
        assert ledger.attempts >= 1
        ledger.close()

    asyncio.run(serve())
