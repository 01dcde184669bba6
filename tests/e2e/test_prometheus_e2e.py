"""What a real Prometheus saw comes into the run and its report, and it can scrape the run itself; a page that misbehaves hurts nobody."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gatebench.execution.topology.ports import free_ports, is_free
from tests.e2e.bench_command import Bench, ended, listening, wait_for
from tests.e2e.browser import Browser, program
from tests.e2e.prometheus_server import MISSING, Prometheus, scraping

pytestmark = pytest.mark.e2e
real = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
SCRIPT = "<script>window.pwned=1</script>"
LATE = "dispatch_limit_ms=2000,"


@dataclass
class Stand:
    """A reference gateway that stands by `bench up`, and a Prometheus that scrapes it and whoever shows figures at `shown`."""

    bench: Bench
    gateway: str
    shown: str
    prometheus: Prometheus


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Stand up both, and take them down."""
    bench = Bench(tmp_path_factory.mktemp("stand"))
    bench.scenario("brief", phases='phase("baseline", "6s")', more=LATE)
    done = bench("up", "--target", "reference", "--json")
    assert done.code == 0, done.err
    try:
        (found,) = json.loads(done.out)["standing"]
        shown = f"127.0.0.1:{free_ports(1)[0]}"
        with scraping(bench.folder / "prometheus", {"gateway": found["gateway"], "bench": shown}) as prometheus:
            yield Stand(bench, found["gateway"], shown, prometheus)
    finally:
        assert bench("down").code == 0


def rows(run: Path) -> list[dict[str, Any]]:
    """Every row of the run's series."""
    return list(pq.read_table(run / "series.parquet").to_pylist())


def values(run: Path, source: str, metric: str) -> list[tuple[int, float]]:
    """One series of a run, in order of time."""
    return sorted(
        (row["at_ns"], row["value"]) for row in rows(run) if (row["process"], row["metric"]) == (source, metric)
    )


@real
def test_a_prometheus_says_what_it_saw(stand: Stand) -> None:
    """Its series, and those of the page itself, stand in series.parquet on the clock of the run, and in the report."""
    bench, prometheus = stand.bench, stand.prometheus
    wait_for("a first scrape", lambda: prometheus.query('up{job="gateway"} == 1'))
    command = ("run", "brief", "--target", f"http://{stand.gateway}", "--metrics", "/metrics")
    done = bench(*command, "--prometheus", prometheus.url)
    assert done.code == 0, done.out + done.err
    run = bench.newest()
    source, name = f"prometheus {prometheus.address}", "refgate_requests_total"
    theirs = values(run, source, f'{name}{{instance="{stand.gateway}",job="gateway",outcome="ok"}}')
    ours = values(run, "/metrics", f'{name}{{outcome="ok"}}')
    clock = json.loads((run / "run.json").read_text())["clock"]
    assert len(theirs) >= 2
    assert all(clock["load_start_ns"] <= at <= clock["load_end_ns"] for at, _ in theirs)
    assert theirs[-1][1] - theirs[0][1] > 50, "a hundred requests a second for six seconds"
    assert len(ours) >= 2
    assert abs(ours[-1][1] - theirs[-1][1]) < 250, "the same counter, at most two seconds apart"
    report = (run / "report.html").read_text()
    assert 'id="series"' in report
    assert f"What {source} says" in report
    assert "What /metrics says" in report
    assert "<code>refgate_request_seconds</code>" in report
    assert not [warning for warning in done.summary()["warnings"] if "prometheus" in warning]


@real
def test_a_prometheus_that_knows_nothing_is_said(stand: Stand) -> None:
    """An empty answer is a warning and nothing else; `up:` finds page and address of the gateway by itself."""
    match = '{job="nobody"}'
    done = stand.bench(
        "run", "brief", "--target", "up:reference", "--prometheus", stand.prometheus.url, "--prometheus-match", match
    )
    assert done.code == 0, done.out + done.err
    said = f"Nothing is known from prometheus {stand.prometheus.address}: it knows nothing of {match} in the time of the run."
    assert said in done.summary()["warnings"]
    plan = json.loads((stand.bench.newest() / "run.json").read_text())["plan"]
    assert plan["page"]["path"] == "/metrics"
    assert f"{plan['page']['at']['host']}:{plan['page']['at']['port']}" == stand.gateway, "past the link"
    assert any(row["process"] == "/metrics" for row in rows(stand.bench.newest()))


@real
def test_a_prometheus_scrapes_the_run(stand: Stand) -> None:
    """Requests, phases, rates, latency and delay of the live run are in its own table afterwards; the port is free again."""
    done = stand.bench("run", "brief", "--target", "up:reference", "--export", stand.shown)
    assert done.code == 0, done.out + done.err
    ask = stand.prometheus.query
    (requests,) = ask('max_over_time(gatebench_requests_total{outcome="ok"}[1m])')
    assert {name: requests["metric"][name] for name in ("scenario", "target")} == {
        "scenario": "brief",
        "target": "up:reference",
    }
    assert float(requests["value"][1]) > 20
    (phase,) = ask('max_over_time(gatebench_phase{phase="baseline"}[1m])')
    assert phase["value"][1] == "1"
    (rate,) = ask("max_over_time(gatebench_offered_rate_per_s[1m])")
    assert 60 < float(rate["value"][1]) < 150
    for quantile in ("0.5", "0.95", "0.99"):
        (latency,) = ask(f'max_over_time(gatebench_response_seconds{{quantile="{quantile}"}}[1m])')
        assert 0.005 < float(latency["value"][1]) < 5
    assert ask("max_over_time(gatebench_dispatch_delay_seconds[1m])")
    assert ask("max_over_time(gatebench_in_flight[1m])")
    assert int(stand.shown.rpartition(":")[2]) not in listening()


def scraped(address: str) -> str:
    """The page of a live run, nothing while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=2) as answer:
            return str(answer.read().decode())
    except (OSError, urllib.error.URLError):
        return ""


def test_ctrl_c_closes_the_page(bench: Bench) -> None:
    """Faults are 0 or 1 while the run goes on; a stranger's Host is refused; after Ctrl-C nobody listens any more."""
    faulty = 'phase("baseline", "2s"), phase("fault", "20s", faults=[fault("provider-drops", on="provider-a")]), phase("recovery", "5s")'
    bench.scenario("long", phases=faulty, more=LATE)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with ended(bench.start("run", "long", "--target", "reference", "--export", address)) as process:
        wait_for(
            "the fault",
            lambda: 'gatebench_fault_active{fault="provider-drops",on="provider-a"} 1.0' in scraped(address),
            60,
        )
        assert 'gatebench_phase{phase="fault"} 1.0' in scraped(address)
        asked = urllib.request.Request(f"http://{address}/metrics", headers={"host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked, timeout=2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
    assert scraped(address) == ""
    assert is_free(int(address.rpartition(":")[2]))


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Answer every GET so until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def page(body: bytes, status: int = 200) -> Answer:
    """An answer with a body."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.end_headers()
        request.wfile.write(body)

    return answer


def hangs(request: BaseHTTPRequestHandler) -> None:
    """An answer that begins and never ends."""
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"a 1\n")
    request.wfile.flush()
    time.sleep(20)


HOSTILE = f'# TYPE evil counter\nevil{{what="{SCRIPT}"}} 7\nrss_bytes 1e15\ncpu_s 1e9\n'.encode()


@pytest.mark.parametrize(
    ("answer", "kept", "said"),
    [
        (page(b"good 1\n"), "good", ""),
        (page(b"<html>\x00\xff nonsense {{{\n"), None, "no sample of a metric was on it"),
        (page(b"good 1\n<html>\n"), "good", "of /gw were no samples"),
        (page(b"no", 503), None, "it answers 503"),
        (hangs, None, "no answer within 0.8 s"),
        (page(b"x 1\n" + b"# and so on\n" * 900_000), "x", "of /gw longer than 4 MB"),
        (page(b"".join(b'a{n="%d"} 1\n' % n for n in range(7000))), 'a{n="0"}', "of /gw held more than 5000 series"),
        (page(HOSTILE), f'evil{{what="{SCRIPT}"}}', ""),
    ],
    ids=["good", "garbage", "half garbage", "refused", "hangs", "ten megabytes", "many series", "hostile"],
)
def test_a_page_never_hurts_a_run(bench: Bench, answer: Answer, kept: str | None, said: str) -> None:
    """The run passes as it would without; what was cut or lacking is said, and the processes were read all along."""
    bench.scenario("brief", phases='phase("baseline", "4s")', more=LATE)
    with serving(answer) as url:
        done = bench("run", "brief", "--target", "direct", "--metrics", f"{url}/gw", "--quiet")
    assert done.code == 0, done.out + done.err
    found = rows(bench.newest())
    names = {row["metric"] for row in found if row["process"] == "/gw"}
    assert (kept in names) if kept else not names
    warnings = [warning for warning in done.summary()["warnings"] if "/gw" in warning]
    assert (said in " ".join(warnings)) if said else not warnings
    assert sum((row["process"], row["metric"]) == ("load-0", "cpu_s") for row in found) >= 2
    assert {cost["process"] for cost in done.summary()["cpu"]} <= {"provider-a", "provider-b", "toxiproxy", "load-0"}
    events = map(json.loads, (bench.newest() / "events.jsonl").read_text().splitlines())
    (event,) = [one for one in events if one["event"] == "series.heard"]
    assert event["source"] == "/gw"


@pytest.mark.skipif(program() is None, reason="no Chromium is installed")
def test_a_hostile_page_is_text(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Labels with scripts, names of metrics like ours and numbers that change are drawn, and nothing of them runs."""
    bench.scenario("brief", phases='phase("baseline", "4s")', more=LATE)
    count = iter(range(1000))

    def answer(request: BaseHTTPRequestHandler) -> None:
        number = next(count)
        page(HOSTILE + f'moves{{what="{SCRIPT}<img src=x onerror=window.pwned=1>"}} {number % 2}\n'.encode())(request)

    with serving(answer) as url:
        done = bench("run", "brief", "--target", "direct", "--metrics", f"{url}/gw", "--quiet")
    assert done.code == 0, done.out + done.err
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        browser.open(bench.newest() / "report.html")
        assert browser.evaluate("typeof window.pwned") == "undefined"
        assert browser.evaluate("document.querySelectorAll('img, script[src]').length") == 0
        drawn = browser.evaluate("document.querySelector('#chart-said-1 svg').textContent")
        assert "moves{" in drawn
        assert "<script>" in drawn
        assert browser.complaints == []


def test_every_problem_at_once_and_nothing_is_started(bench: Bench) -> None:
    """A Prometheus elsewhere, one that is none, one that is not there, a port that is taken: exit 2, each with its cure."""
    bench.scenario("brief")
    (closed,) = free_ports(1)
    with serving(page(b"hello")) as url:
        taken = url.removeprefix("http://")
        match = ("--prometheus-match", '{job="x"}')
        for asked, words in (
            (
                ("--prometheus", f"http://127.0.0.1:{closed}", *match, "--export", taken, "--metrics", "/metrics"),
                ("nobody answers", "that port is in use", "Choose another port", "is for a gateway that runs already"),
            ),
            (
                ("--prometheus", "http://192.0.2.7:9090", *match, "--export", "0.0.0.0:9464", "--set", "nope=1"),
                ("--allow-remote 192.0.2.7", "on this machine only", "has no setting nope"),
            ),
            (
                ("--prometheus", url, *match, "--export", "here", "--metrics", "http://192.0.2.7/metrics"),
                ("no Prometheus", "no address with a port", "--allow-remote 192.0.2.7"),
            ),
            (
                ("--prometheus", f"http://127.0.0.1:{closed}", "--metrics", "http://u:secret@127.0.0.1/metrics"),
                ("has no address that a Prometheus could know", "--prometheus-match", "holds a password"),
            ),
            (
                (
                    "--prometheus",
                    "http://user:secret@127.0.0.1:1",
                    *match,
                    "--metrics",
                    "http://127.0.0.1:1/m?key=secret",
                ),
                ("holds a password", "without a query"),
            ),
        ):
            done = bench("run", "brief", "--target", "reference", *asked)
            assert done.code == 2, done.err
            said = " ".join(done.err.split())
            assert [word for word in words if word not in said] == []
            assert "secret" not in done.err
    assert not bench.runs()


@real
def test_a_selector_that_is_none_is_refused(stand: Stand) -> None:
    """In the words of Prometheus, before anything starts."""
    before = stand.bench.runs()
    done = stand.bench(
        "run", "brief", "--target", "up:reference", "--prometheus", stand.prometheus.url, "--prometheus-match", "{job="
    )
    assert done.code == 2
    assert "parse error" in done.err
    assert stand.bench.runs() == before
