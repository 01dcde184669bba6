"""`bench gate` for real: a gateway that became slower is red, the same one is not, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.bench_command import LATE, Bench, ended, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # several runs each

TARGET = """
description = "a gateway of a few lines"
capabilities = ["streaming"]
settings = {{ delay_s = {delay} }}
[build]
command = ["{{{{ python }}}}", "-m", "py_compile", "targets/mygw/gateway.py"]
[[process]]
name = "gateway"
command = ["{{{{ python }}}}", "{{{{ folder }}}}/gateway.py", "{{{{ port }}}}", "{{{{ providers[0].port }}}}", "{{{{ settings.delay_s }}}}"]
ready = {{ path = "/health" }}
"""
GATEWAY = """
import http.client, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, PROVIDER, DELAY_S = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])


class Gateway(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        status, kind, body = 200, "text/plain", b"ok"
        if self.path != "/health":
            time.sleep(DELAY_S)
            asked = self.rfile.read(int(self.headers.get("content-length", 0)))
            provider = http.client.HTTPConnection("127.0.0.1", PROVIDER, timeout=5)
            names = ("content-type", "x-request-id")
            provider.request(self.command, self.path, asked, {n: self.headers[n] for n in names if n in self.headers})
            found = provider.getresponse()
            status, kind, body = found.status, found.getheader("content-type"), found.read()
            provider.close()
        self.send_response_only(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


ThreadingHTTPServer.request_queue_size = 256
ThreadingHTTPServer(("127.0.0.1", PORT), Gateway).serve_forever()
"""


@pytest.fixture
def workspace(bench: Bench) -> Bench:
    """A workspace with the gateway and a scenario of a second."""
    bench.target("mygw", TARGET.format(delay=0.0), gateway_py=GATEWAY)
    bench.scenario("second", load='poisson("40/s")', phases='phase("baseline", "1s")', more=LATE)
    return bench


def git(folder: Path, *words: str) -> str:
    """Run git as nobody in particular."""
    names = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, env={**os.environ, **names}
    )
    return done.stdout.strip()


@pytest.mark.timeout(300)
def test_a_slower_head_is_red(workspace: Bench) -> None:
    """A tenth of a second more, three pairs: exit code 1, said in JSON, Markdown and JUnit, rounds kept."""
    done = workspace(
        *("gate", "--scenario", "second", "--target", "mygw", "--set", "delay_s=0.1", "--pairs", "3", "--fixed"),
        *("--tolerance", "p50=5%", "--markdown", "gate.md", "--junit", "gate.xml", "--json"),
        timeout_s=250,
    )
    assert done.code == 1, done.err
    document = json.loads(done.out)
    # Three pairs have two degrees of freedom: a median that wanders once is too wide to tell, and then the p95 tells.
    line = next(one for one in document["lines"] if one["word"] == "regressed")
    assert line["metric"] in {"response_p50_ms", "response_p95_ms"}
    assert line["head"] - line["base"] == pytest.approx(100, abs=40)
    assert "❌ **regressed**" in (workspace.folder / "gate.md").read_text()
    assert "<failure" in (workspace.folder / "gate.xml").read_text()
    record = json.loads((workspace.folder / document["folder"] / "experiment.json").read_text())
    assert record["status"] == "finished"
    assert [one["side"] for one in record["rounds"]][:4] == ["base", "head", "head", "base"]
    assert all(
        (workspace.folder / document["folder"] / one["folder"] / "samples.parquet").exists() for one in record["rounds"]
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_same_gateway_is_not_red(workspace: Bench) -> None:
    """Against itself: no regression, or not enough to tell on a busy machine."""
    done = workspace(
        *("gate", "--scenario", "second", "--target", "mygw", "--baseline-target", "mygw", "--pairs", "6", "--json"),
        timeout_s=500,
    )
    assert done.code in {0, 4}, done.err
    assert "regressed" not in {line["word"] for line in json.loads(done.out)["lines"]}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stop", [False, True], ids=["to the end", "SIGTERM"])
def test_a_git_ref_is_built_and_nothing_of_it_is_left(workspace: Bench, stop: bool) -> None:
    """The working tree is slower than main: red. Stopped in between: 130. The checkout is gone either way."""
    folder = workspace.folder
    (folder / ".gitignore").write_text("runs/\nstate/\ntmp/\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "main")
    (folder / "targets" / "mygw" / "target.toml").write_text(TARGET.format(delay=0.1))
    (folder / "tmp").mkdir()
    workspace.env["TMPDIR"] = str(folder / "tmp")
    words = (
        "gate",
        "--scenario",
        "second",
        "--target",
        "mygw",
        "--base-version",
        "main",
        "--pairs",
        "3",
        "--tolerance",
    )
    with ended(workspace.start(*words, "p50=5%")) as process:
        if stop:
            wait_for("the second run", lambda: len(list(folder.glob("runs/*/rounds/*"))) > 1, 120)
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=300)
    assert process.returncode == (130 if stop else 1), err + out
    assert git(folder, "worktree", "list").count("\n") == 0
    assert list((folder / "tmp").iterdir()) == []
    assert len(list(folder.glob("runs/*/logs/build-base.log"))) == 1
    assert "base  mygw, main (" in err
