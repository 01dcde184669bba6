"""What the generator costs and how late it is, beside Locust's FastHttpUser, against nginx answering a constant."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gatebench.execution.topology.ports import free_ports
from gatebench.schedule import Trace, read_trace
from gatebench.traffic import Generator, Route, Traffic
from tests.execution.load.plans import load_plan
from tests.execution.load.running import Running, running

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

ROUNDS = 5
ARRIVALS_PER_S = 20_000
LEAST_RATIO = 2.5
LEAST_READY_MADE = 2.0
LATEST_P50_MS = 1.0
LATEST_P99_MS = 1.0  # at half of what the generator can do
TOOLS = Path(__file__).parents[2] / ".tools"
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
# The same small POST, sent by Locust's fast user as its users send it: a task, over and over. As "same traffic" it makes
# what ours makes, a prompt, a tenant and an id for each; as "ready made" it has one body and its headers ready, and only
# counts, while ours composes each body, carries an id, looks for the stamp and writes a row.
LOCUST = """
import itertools, json, sys, time, gevent
from locust import FastHttpUser, task
from locust.env import Environment
from gatebench.stamp import format_request_id
from gatebench.traffic import Generator, Route, Traffic

READY_MADE = sys.argv[2] == "ready made"
generator = Generator(Traffic(routes=(Route(name="chat", tenants=3, prompt_words=4),)), 7)
arrivals = itertools.count()
BODY = generator.request(0).body
HEADERS = {"accept": "application/json", "content-type": "application/json", "authorization": "Bearer gatebench-tenant-0"}

class Caller(FastHttpUser):
    host = sys.argv[1]

    @task
    def call(self):
        if READY_MADE:
            self.client.post("/v1/chat/completions", data=BODY, headers=HEADERS)
            return
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
K6 = """
import http from "k6/http";
export const options = {vus: 20, duration: "3s", discardResponseBodies: true};
const headers = {"accept": "application/json", "content-type": "application/json", "authorization": "Bearer gatebench-tenant-0"};
const body = open("./body.json");
export default function () { http.post("URL/v1/chat/completions", body, {headers}); }
"""
WRK = """
wrk.method = "POST"
wrk.body = io.open("body.json"):read("*a")
wrk.headers["content-type"] = "application/json"
wrk.headers["accept"] = "application/json"
wrk.headers["authorization"] = "Bearer gatebench-tenant-0"
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
    number = free_ports(1)[0]
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


def small_post() -> bytes:
    """Return the body of one request of the traffic that ours sends."""
    return Generator(Traffic(routes=(Route(name="chat", tenants=3, prompt_words=4),)), 7).request(0).body


def locusts_per_cpu_s(port: int, kind: str) -> float:
    """Return the same of Locust's FastHttpUser, without the time it takes to start."""
    done = subprocess.run(
        [sys.executable, "-c", LOCUST, f"http://127.0.0.1:{port}", kind], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["failures"] == 0
    return float(found["per_cpu_s"])


@pytest.mark.parametrize(("kind", "least"), [("same traffic", LEAST_RATIO), ("ready made", LEAST_READY_MADE)])
def test_requests_for_a_second_of_processor_time(port: int, tmp_path: Path, say: Say, kind: str, least: float) -> None:
    """For the same processor time the generator sends 2.5 times the requests of FastHttpUser, and more.

    The median of the ratios of paired rounds is judged. A FastHttpUser that makes nothing of its own is cheaper.
    """
    pairs = [(ours_per_cpu_s(port, tmp_path), locusts_per_cpu_s(port, kind)) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    ours, theirs = (statistics.median(values) for values in zip(*pairs, strict=True))
    say(f"requests per generator-CPU-second: {ours:.0f}, FastHttpUser ({kind}) {theirs:.0f}, ratio {ratio:.2f}")
    assert ratio >= least


def spent(command: list[str], folder: Path) -> tuple[str, float]:
    """Run a command to its end; return what it printed and the processor seconds it took, its start included."""
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, text
    return text, usage.ru_utime + usage.ru_stime


def test_beside_wrk_and_k6(port: int, tmp_path: Path, say: Say) -> None:
    """Whoever chooses a generator wants to know what the others cost: wrk (C, keeps nothing) and k6 (Go), the same POST.

    Nothing is asserted but that they work: both are other tools in other languages, there to compare with.
    """
    (tmp_path / "body.json").write_bytes(small_post())
    (tmp_path / "k6.js").write_text(K6.replace("URL", f"http://127.0.0.1:{port}"))
    (tmp_path / "wrk.lua").write_text(WRK)
    ours = ours_per_cpu_s(port, tmp_path)
    say(f"ours {ours:.0f} requests per generator-CPU-second")
    missing = []
    if program := shutil.which("wrk"):
        text, cpu_s = spent(
            [program, "-t1", "-c20", "-d3s", "-s", "wrk.lua", f"http://127.0.0.1:{port}/v1/chat/completions"], tmp_path
        )
        found = re.search(r"(\d+) requests in", text)
        assert found is not None, text
        say(f"wrk {int(found[1]) / cpu_s:.0f}, {int(found[1]) / cpu_s / ours:.1f} × ours")
    else:
        missing.append("wrk")
    if program := shutil.which("k6") or shutil.which("k6", path=str(TOOLS)):
        text, cpu_s = spent(
            [program, "run", "--quiet", "--no-usage-report", "--summary-export", "k6.json", "k6.js"], tmp_path
        )
        count = json.loads((tmp_path / "k6.json").read_text())["metrics"]["http_reqs"]["count"]
        say(f"k6 {count / cpu_s:.0f}, {count / cpu_s / ours:.2f} × ours")
    else:
        missing.append("k6 (scripts/k6 builds it with Go)")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def test_two_workers(port: int, tmp_path: Path, say: Say) -> None:
    """Two workers send more than one in the same time; by how much depends on the cores they get, which is said beside it."""
    asked = 2 * ARRIVALS_PER_S  # more than two can send on two cores that nginx and the kernel need too
    rates = {}
    for workers in (1, 2):
        plan = load_plan(
            rate=f"{asked}/s", duration_s=1, pool=asked, deadlines_ms=(60_000, 60_000, 60_000), workers=workers
        )
        with running(plan, tmp_path, port) as load:
            load.begin()
            assert load.finish().ok == asked
            rows = load.rows()
            wall_s = (max(row["done_ns"] for row in rows) - min(row["due_ns"] for row in rows)) / 1e9
            cores = sum(float(load.facts(worker)["cpu_s"]) for worker in range(workers)) / wall_s
        rates[workers] = asked / wall_s
        say(f"{workers} worker(s): {rates[workers]:.0f}/s on {cores:.2f} of {os.cpu_count()} cores, nginx on the rest")
    say(f"two workers ÷ one: {rates[2] / rates[1]:.2f}")
    assert rates[2] > rates[1]


def delays_ms(load: Running) -> tuple[float, float]:
    """Return p50 and p99 of sent − due."""
    delays = sorted((row["sent_ns"] - row["due_ns"]) / 1e6 for row in load.rows() if row["sent_ns"] > 0)
    return delays[math.ceil(0.5 * len(delays)) - 1], delays[math.ceil(0.99 * len(delays)) - 1]


@pytest.mark.parametrize("rate", ["200/s", "1000/s", "half"])
def test_dispatch_delay(port: int, tmp_path: Path, say: Say, rate: str) -> None:
    """Requests leave when they are due: 99 of 100 within a millisecond, up to half of what the generator can do.

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
        best_ms = min(best_ms, p99_ms)
        if best_ms <= LATEST_P99_MS:
            break
    assert best_ms <= LATEST_P99_MS


def test_a_trace_of_60_000_arrivals(port: int, tmp_path: Path, say: Say) -> None:
    """Every arrival of a recorded minute leaves within a millisecond of its time (p99), and the books balance.

    Gaps are exponential, as recorded traffic's are; a machine whose cores are taken by others may try three times.
    """
    random = np.random.default_rng(60_000)
    at_s = np.cumsum(random.exponential(1 / 2000, 60_000))
    path = tmp_path / "trace.csv"
    path.write_text("timestamp\n" + "\n".join(f"{at:.9f}" for at in at_s))
    rows, problems = read_trace(path, (), ())
    assert rows is not None, problems
    rows.write(tmp_path / "trace.npz")
    plan = load_plan(rate="1/s", duration_s=31)
    load = plan.load.model_copy(update={"load": Trace(file=str(path)), "scheduled": 60_000})
    plan = plan.model_copy(update={"load": load})
    best_ms = math.inf
    for attempt in range(TRIES):
        with running(plan, tmp_path / str(attempt), port, trace=tmp_path / "trace.npz") as replayed:
            replayed.begin()
            state = replayed.finish()
            sent = replayed.rows()
            p50_ms, p99_ms = delays_ms(replayed)
            due = sorted(row["due_ns"] for row in sent)
        assert state.ok == len(sent) == len({row["arrival_id"] for row in sent}) == 60_000
        assert [at - due[0] for at in due] == rows.due_ns.tolist()
        say(
            f"trace of 60 000 arrivals in {at_s[-1]:.1f} s: sent within p50 {p50_ms:.3f} ms, p99 {p99_ms:.3f} ms of their time"
        )
        best_ms = min(best_ms, p99_ms)
        if best_ms <= LATEST_P99_MS:
            break
    assert best_ms <= LATEST_P99_MS
