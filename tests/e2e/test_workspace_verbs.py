"""bench new, doctor, up and down: what they write works at once, what they start ends, and what they say is so."""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatebench.execution.standing import is_there
from tests.certificates import authority, leaf
from tests.e2e.bench_command import BENCH, LATE, Bench, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.light]


@pytest.fixture
def kept(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A workspace whose standing topologies are its own, and are taken down."""
    bench.env["GATEBENCH_STATE"] = str(tmp_path_factory.mktemp("state"))
    yield bench
    if any((Path(bench.env["GATEBENCH_STATE"]) / "up").glob("*.json")):
        bench("down")


def state(bench: Bench, name: str) -> Path:
    """The state file of a standing topology."""
    return Path(bench.env["GATEBENCH_STATE"]) / "up" / f"{name}.json"


def test_what_new_writes_works_at_once(kept: Bench) -> None:
    """Scenario, target and fault pass the check and a run; a second time nothing is overwritten, and names are looked at."""
    for kind, name in (("scenario", "check-out"), ("target", "my-gw"), ("fault", "slow-answers")):
        assert kept("new", kind, name).code == 0
    assert kept("check").code == 0
    done = kept("run", "check-out", "--target", "my-gw", "--time-scale", "0.5")
    assert done.code in {0, 3, 4}, (
        done.err + done.out
    )  # a busy machine may make it invalid; fail and refuse it must not
    assert done.summary()["ledger"]["ok"] > 100
    (kept.folder / "scenarios" / "check_out.py").write_text("mine")
    refused = kept("new", "scenario", "check-out")
    assert refused.code == 2
    assert "is there already" in refused.err
    assert (kept.folder / "scenarios" / "check_out.py").read_text() == "mine"
    for name in ("../evil", "Big", "", "a/b"):
        assert kept("new", "target", name).code == 2
    assert "hides the shipped" in kept("new", "target", "reference").out


def test_up_stands_until_down(kept: Bench) -> None:
    """It is found, driven, listed and taken down; its state is private and gone afterwards, and so is every process."""
    done = kept("up", "--target", "reference", "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)["standing"]
    assert "admin_token" not in done.out
    assert state(kept, "reference").stat().st_mode & 0o077 == 0
    pids = [found["keeper_pid"], *found["processes"].values()]
    assert all(is_there(pid) for pid in pids)
    assert kept("up", "--target", "reference").code == 2
    assert "reference stands since" in kept("up", "--list").out
    kept.scenario("brief", checks='check("error_share", at_most=0, estimate="point")', more="dispatch_limit_ms=2000,")
    run = kept("run", "brief", "--target", "up:reference")
    assert run.code == 0, run.err + run.out
    assert run.summary()["evidence"] == "no-ledger"
    down = kept("down")
    assert down.code == 0
    assert "reference is down" in down.out
    assert not any(is_there(pid) for pid in pids)
    assert not state(kept, "reference").exists()
    assert kept("down").code == 0
    assert kept("down", "nobody").code == 2
    assert kept("run", "brief", "--target", "up:reference").code == 2


LOCUSTFILE = """from locust import HttpUser, task
class U(HttpUser):
    @task
    def t(self): pass
"""
PICKY = """
import http.server, json, sys, urllib.error, urllib.request
class Gateway(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = json.loads(body)
        known = self.path.startswith("/gw/v1/") and self.headers.get("x-wants") == "this"
        if not known or not asked["model"].startswith("mine::") or not asked["extra"]["who"].startswith("gb-"):
            return self.say(400, b"{}")
        asked["model"] = asked["model"].removeprefix("mine::")
        asked["user"] = asked.pop("extra")["who"]
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(sys.argv[2] + self.path[3:], json.dumps(asked).encode(), headers)) as answer:
            self.say(answer.status, answer.read())
    def say(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer.request_queue_size = 1024
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
"""
PICKY_TOML = """description = "Wants to be addressed in a way of its own."
request_id = ["user"]
path_prefix = "/gw"
headers = { x-wants = "this" }
model = "mine::{{ model }}"
user = { extra = { who = "{{ request_id }}" } }
[[process]]
name = "gateway"
command = ["{{ python }}", "{{ folder }}/main.py", "{{ port }}", "{{ providers[0].url }}"]
"""


def test_a_gateway_that_stands_is_addressed_in_its_own_way(kept: Bench) -> None:
    """With its prefix, its headers, its names of models and its place for ids; a locustfile, which has none, is refused."""
    kept.target("picky", PICKY_TOML, main_py=PICKY)
    assert kept("up", "--target", "picky").code == 0
    assert re.search(r"clients go to +http://127.0.0.1:[0-9]+/gw *\n", kept("up", "--list").out)
    kept.scenario(
        "brief", checks='check("error_share", at_most=0, estimate="point")', load='poisson("20/s")', more=LATE
    )
    for target in ("up:picky", "picky"):
        run = kept("run", "brief", "--target", target)
        assert run.code == 0, run.err + run.out
        assert run.metric("error_share") == 0
    (kept.folder / "mine.py").write_text(LOCUSTFILE)
    refused = kept("run", "mine.py", "--target", "up:picky", "--users", "1", "--run-time", "1s")
    assert refused.code == 2
    assert "wants headers, names of models" in refused.err
    assert kept("down").code == 0


SECURED_TOML = """description = "Serves TLS with a certificate of an authority of its own."
[tls]
ca = "ca.pem"
[[render]]
template = "nginx.conf.j2"
to = "nginx.conf"
[[process]]
name = "gateway"
command = ["nginx", "-p", "{{ dir }}", "-c", "nginx.conf"]
"""
SECURED = """worker_processes 1; daemon off; pid nginx.pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 127.0.0.1:{{ port }} ssl; ssl_certificate {{ folder }}/leaf.pem; ssl_certificate_key {{ folder }}/leaf.key;
    location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass {{ providers[0].url }}; } } }
"""


def test_a_gateway_that_stands_behind_tls(kept: Bench) -> None:
    """Its certificate is trusted as when it is started for a run; settings are not to be changed, and a locustfile has no trust."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    found = leaf("good")
    kept.target("secured", SECURED_TOML)
    folder = kept.folder / "targets" / "secured"
    (folder / "nginx.conf.j2").write_text(SECURED)
    for source, name in ((authority().ca, "ca.pem"), (found.certificate, "leaf.pem"), (found.key, "leaf.key")):
        shutil.copy(source, folder / name)
    up = kept("up", "--target", "secured")
    assert up.code == 0, up.err
    assert re.search(r"clients go to +https://127.0.0.1:[0-9]+ *\n", kept("up", "--list").out)
    kept.scenario(
        "brief", checks='check("error_share", at_most=0, estimate="point")', load='poisson("20/s")', more=LATE
    )
    run = kept("run", "brief", "--target", "up:secured")
    assert run.code == 0, run.err + run.out
    refused = kept("run", "brief", "--target", "up:secured", "--set", "breaker_open=30s")
    assert refused.code == 2
    assert "a running gateway's settings are not ours to change" in refused.err
    (kept.folder / "mine.py").write_text(LOCUSTFILE)
    refused = kept("run", "mine.py", "--target", "up:secured", "--users", "1", "--run-time", "1s")
    assert refused.code == 2
    assert "a trust in its certificate" in refused.err


def test_what_stands_for_a_scenario_with_lanes_is_shown(kept: Bench) -> None:
    """Its control links lead to links, not to providers."""
    up = kept("up", "--target", "reference", "--scenario", "overhead")
    assert up.code == 0, up.err
    assert "link to provider-a" in kept("up", "--list").out


def test_what_another_version_left_standing_is_named(kept: Bench) -> None:
    """It cannot be read, and is not forgotten: who keeps it is said."""
    assert kept("up", "--target", "direct").code == 0
    file = state(kept, "direct")
    mine = file.read_text()
    file.write_text(mine.replace('"entrance":', '"headers":'))
    for words in (("up", "--list"), ("down",)):
        done = kept(*words)
        assert "direct was left standing by another version of gatebench" in done.err
        assert f"kill {json.loads(mine)['keeper_pid']}" in done.err
    file.write_text(mine)
    assert "direct is down" in kept("down").out


def test_a_keeper_that_is_killed_leaves_nothing(kept: Bench) -> None:
    """Its guardian ends what it started, and its state is recognised as stale."""
    (found,) = json.loads(kept("up", "--target", "direct", "--name", "mine", "--json").out)["standing"]
    os.kill(found["keeper_pid"], signal.SIGKILL)
    wait_for("its processes to end", lambda: not any(is_there(pid) for pid in found["processes"].values()), 20)
    assert "Nothing stands" in kept("up", "--list").out
    assert not state(kept, "mine").exists()


def test_a_topology_may_end_by_itself(kept: Bench) -> None:
    """--for is a time to live."""
    (found,) = json.loads(kept("up", "--target", "direct", "--for", "6s", "--json").out)["standing"]
    wait_for("it to end", lambda: not is_there(found["keeper_pid"]), 20)
    assert "Nothing stands" in kept("up", "--list").out


def test_a_target_that_does_not_start_is_said(kept: Bench) -> None:
    """Exit code 5 with its last words; nothing stands."""
    toml = 'description = "Broken."\n[[process]]\nname = "broken"\ncommand = ["{{ python }}", "-c", "raise SystemExit(\'no luck\')"]\n'
    kept.target("broken", toml)
    done = kept("up", "--target", "broken")
    assert done.code == 5, done.err
    assert "no luck" in done.err
    assert "Nothing stands" in kept("up", "--list").out


def test_the_doctor(kept: Bench) -> None:
    """Every question has an answer, missing things have a cure, and an engine that is not there is broken."""
    done = kept("doctor", "--json")
    assert done.code == 0, done.out
    found = {one["name"]: one for one in json.loads(done.out)["findings"]}
    assert {"python", "libraries", "nginx", "loopback", "open files", "timer", "engine", "bench up"} <= set(found)
    assert all(one["found"] for one in found.values() if one["status"] == "missing")
    kept.env["TOXIPROXY_URL"] = "http://127.0.0.1:1"
    sick = kept("doctor")
    assert sick.code == 5
    assert "unset the variable" in sick.out


def test_names_are_completed(kept: Bench) -> None:
    """A shell that asks is told scenarios and targets, the user's own among them."""
    kept.scenario("smoking")
    for words, wanted in (("bench run smo", {"smoke", "smoking"}), ("bench run smoke --target ng", {"nginx"})):
        kept.env |= {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        assert BENCH.name == "bench"
        assert wanted <= set(kept().out.split())
