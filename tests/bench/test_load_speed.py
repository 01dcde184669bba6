"""What the generator costs and how late it is, beside Locust's FastHttpUser, against nginx answering a constant."""

from __future__ import annotations

import json
import math
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.execution.load.plans import load_plan
from tests.execution.load.running import Running, running

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

ROUNDS = 5
ARRIVALS_PER_S = 20_000
LEAST_RATIO = 2.5
LATEST_P50_MS = 1.0
TRIES = 3

ANSWER = '{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}'
NGINX = """
worker_processes 1; daemon off; pid nginx.pid; error_log stderr;
events { worker_connections 65536; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 127.0.0.1:PORT backlog=4096; default_type application/json; location / { return 200 'ANSWER'; } }
}
"""
# The same traffic, sent by Locust's fast user as its users send it: a task, over and over.
LOCUST = """
import itertools, json, sys, time, gevent
from locust import FastHttpUser, task
from locust.env import Environment
from gatebench.stamp import format_request_id
from gatebench.traffic import Generator, Route, Traffic

generator = Generator(Traffic(routes=(Route(name="chat", tenants=3, prompt_words=4),)), 7)
arrivals = itertools.count()

class Caller(FastHttpUser):
    host = sys.argv[1]

    @task
    def call(self):
        arrival = next(arrivals)
        request = generator.request(arrival)
        headers = {
            "accept": "application/json", "content-type": "application/json",
            "authorization": f"Bearer gatebench-tenant-{request.tenant}",
            "x-gatebench-tenant": f"tenant-{request.tenant}",
            "x-request-id": format_request_id("0badcafe", arrival, 0, 0),
        }
        self.client.post(request.path, data=request.body, headers=headers)

environment = Environment(user_classes=[Caller])
environment.create_local_runner().start(20, spawn_rate=20)
gevent.sleep(1.0)
total = environment.stats.total
before, spent_s = total.num_requests, time.process_time()
gevent.sleep(2.0)
done, spent_s = total.num_requests - before, time.process_time() - spent_s
print(json.dumps({"per_cpu_s": done / spent_s, "failures": total.num_failures}))
"""

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Write a line of figures where whoever runs the benchmark sees it."""

    def write(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}")

    return write


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run nginx with one worker process on a free port."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number = int(probe.getsockname()[1])
    (folder / "nginx.conf").write_text(NGINX.replace("PORT", str(number)).replace("ANSWER", ANSWER))
    with subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.DEVNULL) as nginx:
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", number)) == 0:
                    break
            time.sleep(0.02)
        yield number
        nginx.terminate()


def ours_per_cpu_s(port: int, root: Path) -> float:
    """Return requests per second of the generator's own processor time, when it has all it can do.

    The whole worker is measured: schedule, traffic, request, socket, parser, row, flushes. All arrivals fall due within one
    second and may be as late as they need.
    """
    plan = load_plan(
        rate=f"{ARRIVALS_PER_S}/s", duration_s=1, pool=ARRIVALS_PER_S, deadlines_ms=(60_000, 60_000, 60_000)
    )
    with running(plan, root, port) as load:
        load.begin()
        state = load.finish()
        assert state.ok == ARRIVALS_PER_S
        return ARRIVALS_PER_S / float(load.facts(0)["cpu_s"])


def locusts_per_cpu_s(port: int) -> float:
    """Return the same of Locust's FastHttpUser, without the time it takes to start."""
    done = subprocess.run(
        [sys.executable, "-c", LOCUST, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["failures"] == 0
    return float(found["per_cpu_s"])


def test_requests_for_a_second_of_processor_time(port: int, tmp_path: Path, say: Say) -> None:
    """For the same processor time the generator sends 2.5 times the requests of FastHttpUser, and more.

    Both make the same requests and count what became of them; the median of the ratios of paired rounds is judged.
    """
    pairs = [(ours_per_cpu_s(port, tmp_path), locusts_per_cpu_s(port)) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    ours, theirs = (statistics.median(values) for values in zip(*pairs, strict=True))
    say(f"requests per generator-CPU-second: {ours:.0f}, FastHttpUser {theirs:.0f}, ratio {ratio:.2f}")
    assert ratio >= LEAST_RATIO


def delays_ms(load: Running) -> tuple[float, float]:
    """Return p50 and p99 of sent − due."""
    delays = sorted((row["sent_ns"] - row["due_ns"]) / 1e6 for row in load.rows() if row["sent_ns"] > 0)
    return delays[math.ceil(0.5 * len(delays)) - 1], delays[math.ceil(0.99 * len(delays)) - 1]


@pytest.mark.parametrize("rate", ["200/s", "1000/s", "half"])
def test_dispatch_delay(port: int, tmp_path: Path, say: Say, rate: str) -> None:
    """Requests leave when they are due: the median delay is below a millisecond, up to half of what the generator can do.

    A machine whose cores are taken by others may try three times; the best counts.
    """
    if rate == "half":
        rate = f"{ours_per_cpu_s(port, tmp_path) / 2:.0f}/s"
    best_ms = math.inf
    for _ in range(TRIES):
        with running(load_plan(rate=rate, duration_s=3, arrivals="poisson"), tmp_path, port) as load:
            load.begin()
            load.finish()
            p50_ms, p99_ms = delays_ms(load)
            cpu = load.facts(0)["cpu_share"]
            say(f"dispatch delay at {rate}: p50 {p50_ms:.3f} ms, p99 {p99_ms:.3f} ms, generator's core {cpu:.0%}")
        best_ms = min(best_ms, p50_ms)
        if best_ms < LATEST_P50_MS:
            break
    assert best_ms < LATEST_P50_MS
