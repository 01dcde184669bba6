"""A user's own locustfile runs unchanged, and three counts agree to the request: Locust's, our rows', and the server's."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.e2e.bench_command import ROOT, Bench, Done, ended, events, marked, run_token, wait_for
from tests.execution.load import behaviours
from tests.execution.load.servers import ScriptedServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DEMOS = ROOT / "docs" / "demos" / "locust"
MANY = ("--users", "10", "--spawn-rate", "10", "--run-time", "3s")  # so many that each task is somebody's
BRIEFLY = ("--users", "3", "--spawn-rate", "3", "--run-time", "3s")
HEAD = "from locust import FastHttpUser, HttpUser, LoadTestShape, between, constant, events, task\n"


def demo(bench: Bench, name: str) -> str:
    """Put a file of the documentation into the workspace."""
    shutil.copy(DEMOS / name, bench.folder / name)
    return name


def locustfile(bench: Bench, body: str) -> str:
    """Write a locustfile."""
    (bench.folder / "mine.py").write_text(HEAD + body)
    return "mine.py"


def rows(run: Path) -> list[dict[str, Any]]:
    """Every row of the run."""
    return list(pq.read_table(run / "samples.parquet").to_pylist())


def facts(run: Path) -> dict[str, Any]:
    """What the load process said of itself."""
    return dict(json.loads((run / "parts" / "load-0.json").read_text()))


def assert_counts_agree(done: Done, served: int) -> Counter[str]:
    """Locust's statistics, the rows and the server agree, name by name; returns the rows by name."""
    run = done.bench.newest()
    ours = Counter(row["route"] for row in rows(run))
    counted = facts(run)["locust"]
    assert dict(ours) == counted["by_name"]
    assert sum(ours.values()) == counted["requests"] == served
    ledger = done.summary()["ledger"]
    assert ledger["balances"], ledger["sentences"]
    assert ledger["scheduled"] == ledger["sent"] == served
    return ours


def test_the_quickstart_of_locusts_documentation(bench: Bench) -> None:
    """HttpUser, weights, on_start, `name=` and sleeps in a task, against a server of somebody else's."""
    with ScriptedServer(behaviours.plain) as server:
        url = f"http://127.0.0.1:{server.port}"
        done = bench("run", demo(bench, "quickstart.py"), "--target", url, *MANY)
        assert done.code == 0, done.err + done.out
        ours = assert_counts_agree(done, len(server.requests))
    logins = [request for request in server.requests if request.startswith(b"POST /login")]
    assert len(logins) == ours["/login"] == 10
    assert ours["/item"] > 0
    assert set(ours) <= {"/login", "/item", "/hello", "/world"}


@pytest.mark.parametrize("base", [pytest.param("HttpUser", marks=pytest.mark.slow), "FastHttpUser"])
def test_counts_agree_at_our_own_providers(bench: Bench, base: str) -> None:
    """The shop under each of Locust's clients: what arrived at the providers is what both sides counted."""
    demo(bench, "locustfile.py")
    text = (bench.folder / "locustfile.py").read_text().replace("HttpUser", base)
    (bench.folder / "shop.py").write_text(text)
    done = bench("run", "shop.py", "--target", "direct", *MANY)
    assert done.code == 0, done.err + done.out
    ours = assert_counts_agree(done, done.summary()["ledger"]["attempts"])
    assert ours["login"] == 10
    assert ours["/v1/chat/completions"] > ours["/v1/models"] > 0


@pytest.mark.slow
def test_a_shape_ends_the_run_itself(bench: Bench) -> None:
    """LoadTestShape with FastHttpUser, a task set and catch_response: no option is needed, and its steps are run."""
    done = bench("run", demo(bench, "shaped.py"), "--target", "direct")
    assert done.code == 0, done.err + done.out
    ours = assert_counts_agree(done, done.summary()["ledger"]["attempts"])
    assert ours["a dead link"] > 0
    found = facts(done.bench.newest())
    assert found["users_made"] == 5
    took_s = (found["ended_ns"] - found["t0_ns"]) / 1e9
    assert 4 <= took_s < 60
    dead = [row for row in rows(done.bench.newest()) if row["route"] == "a dead link"]
    assert {(row["status"], row["outcome"]) for row in dead} == {(404, "ok")}  # the user's code said so
    steady = done.summary()["phases"][0]
    assert steady["end_s"] == pytest.approx(took_s, abs=0.5)


@pytest.mark.slow
def test_what_lies_above_the_level_is_unknown(bench: Bench) -> None:
    """No id, no schedule, no stamp: null in the rows and unknown in the metrics, never 0 and never a failure."""
    demo(bench, "locustfile.py")
    done = bench("run", "locustfile.py", "--target", "direct", *BRIEFLY)
    summary = done.summary()
    assert summary["evidence"] == "closed"
    status = {metric["name"]: metric["status"] for metric in summary["metrics"] if metric["phase"] is None}
    above = ("duplicate_execution", "amplification", "wrong_answer", "silent_truncation", "offered_rate_per_s")
    assert {status[name] for name in above} == {"unknown"}
    assert status["dispatch_delay_p50_ms"] == "unknown"
    assert status["response_p50_ms"] == status["error_share"] == "known"
    for row in rows(done.bench.newest()):
        assert row["request_id"] is None
        assert row["tenant"] is None
        assert row["provider"] is None
        assert row["due_ns"] == row["sent_ns"] <= row["done_ns"]
    assert summary["ledger"]["attempts_joined"] is None
    assert any("3 of Locust's own users, 3 more a second, think time unknown" in line for line in summary["warnings"])
    t0_ns = facts(done.bench.newest())["t0_ns"]
    assert min(row["sent_ns"] for row in rows(done.bench.newest())) >= t0_ns


@pytest.mark.slow
def test_an_error_fails_the_default_check(bench: Bench) -> None:
    """A locustfile has no check of its own, so that one is given: no errors at all. Exit 1, each cause as it was."""
    name = locustfile(
        bench,
        """
class Mixed(HttpUser):
    wait_time = constant(0.2)

    @task
    def ask(self):
        self.client.get("/nowhere")
        self.client.get("http://192.0.2.1/elsewhere", name="elsewhere")
        with self.client.get("/v1/models", catch_response=True, name="judged") as answer:
            answer.failure("not what I wanted")
""",
    )
    done = bench("run", name, "--target", "direct", *BRIEFLY)
    assert done.code == 1, done.err + done.out
    met = Counter((row["route"], row["outcome"], row["cause"], row["status"]) for row in rows(done.bench.newest()))
    assert set(met) == {
        ("/nowhere", "error", "status", 404),
        ("elsewhere", "error", "not_allowed", 0),
        ("judged", "error", "judged", 200),
    }
    assert facts(done.bench.newest())["locust"]["failures"] == sum(met.values())


@pytest.mark.slow
def test_events_options_and_prints_of_the_file_work(bench: Bench) -> None:
    """init, an option of its own and its environment are Locust's; what the file prints is in the log, not in our pipe."""
    name = locustfile(
        bench,
        """
@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--goods", default="apples")

@events.init.add_listener
def begin(environment, **_):
    print("selling", environment.parsed_options.goods, "at", environment.host)

class Buyer(HttpUser):
    host = "http://shop.example"
    wait_time = constant(0.3)

    @task
    def buy(self):
        print('{"finished": {}}')
        self.client.get("/v1/models")
""",
    )
    done = bench("run", name, "--target", "direct", *BRIEFLY)
    assert done.code == 0, done.err + done.out
    assert "selling apples at http://127.0.0.1:" in (done.bench.newest() / "logs" / "load-0.log").read_text()
    assert any("http://shop.example" in line for line in done.summary()["warnings"])


def test_a_task_that_raises_makes_the_run_invalid(bench: Bench) -> None:
    """Exit 3; task, exception, line and count are named, and what was asked before stays counted."""
    name = locustfile(
        bench,
        """
class Buyer(HttpUser):
    wait_time = constant(0.3)

    @task
    def buy(self):
        self.client.get("/v1/models")
        raise KeyError("basket")
""",
    )
    done = bench("run", name, "--target", "direct", *BRIEFLY)
    assert done.code == 3, done.err + done.out
    raised = facts(done.bench.newest())["task_errors"]
    assert [(one["task"], one["where"]) for one in raised] == [("Buyer.buy", "mine.py:9")]
    assert raised[0]["count"] == len(rows(done.bench.newest())) > 0
    assert f"Buyer.buy raised KeyError: 'basket' at mine.py:9, {raised[0]['count']} times" in " ".join(
        done.summary()["reasons"]
    )
    assert done.summary()["ledger"]["balances"]


@pytest.mark.slow
def test_statistics_that_were_reset_do_not_balance(bench: Bench) -> None:
    """A file that has Locust forget requests: its count and the rows differ, and the run is invalid for it."""
    name = locustfile(
        bench,
        """
class Forgetful(HttpUser):
    wait_time = constant(0.2)

    @task
    def ask(self):
        self.client.get("/v1/models")
        if self.environment.stats.total.num_requests == 3:
            self.environment.stats.reset_all()
""",
    )
    done = bench("run", name, "--target", "direct", "--users", "1", "--spawn-rate", "1", "--run-time", "3s")
    assert done.code == 3, done.err + done.out
    counted = facts(done.bench.newest())["locust"]["requests"]
    assert len(rows(done.bench.newest())) > counted
    assert f"Locust's own statistics hold {counted} requests" in " ".join(done.summary()["reasons"])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('raise ValueError("no such shop")\n', "mine.py:2: raises ValueError: no such shop."),
        ("class A(HttpUser)\n    pass\n", "mine.py:2: is not Python: SyntaxError"),
        ("import sys\nsys.exit(3)\n", "mine.py:3: raises SystemExit: 3."),
        ("import os\nos._exit(4)\n", "mine.py: ended the process that imported it"),
        ("x = 1\n", "mine.py: has no user class that Locust would run."),
        ("from gatebench.locust import GatewayUser\nclass G(GatewayUser):\n    @task\n    def a(self): ...\n",
         'mine.py: has only GatewayUser classes, which an open schedule runs. Name it in a scenario: traffic=user_code("mine.py").'),
    ],
    ids=["raises", "syntax", "exits", "dies", "nobody", "gateway"],
)  # fmt: skip
def test_a_file_that_cannot_be_run_starts_nothing(bench: Bench, body: str, sentence: str) -> None:
    """Exit 2 with the line and the exception; no run folder."""
    done = bench("run", locustfile(bench, body), "--target", "direct", *BRIEFLY, "--json")
    assert done.code == 2
    assert any(sentence in problem for problem in json.loads(done.out)["problems"]), done.err
    assert "Traceback" not in done.err
    assert bench.runs() == []


def test_all_problems_of_the_options_come_at_once(bench: Bench) -> None:
    """What is missing, what is out of range and what means nothing to Locust's users, each with its cure."""
    demo(bench, "locustfile.py")
    done = bench(
        "run", "locustfile.py", "--target", "nowhere", "--spawn-rate", "0", "--rate", "5/s", "--workers", "2",
        "--header", "x=1", "--json",
    )  # fmt: skip
    assert done.code == 2
    found = " ".join(json.loads(done.out)["problems"])
    for where in (
        "--users:",
        "--run-time:",
        "--spawn-rate 0:",
        "--rate 5/s:",
        "--workers 2:",
        "--header x:",
        "nowhere:",
    ):
        assert where in found
    done = bench("run", "smoke", "--target", "direct", "--users", "5", "--json")
    assert done.code == 2
    assert "--users 5: is for locustfiles" in done.out


@pytest.mark.slow
def test_interrupted_in_the_middle(bench: Bench) -> None:
    """Ctrl-C ends Locust's users, keeps what was measured, and leaves no process."""
    demo(bench, "locustfile.py")
    command = ("run", "locustfile.py", "--target", "direct", "--users", "3", "--spawn-rate", "3", "--run-time", "10m")
    with ended(bench.start(*command)) as process:
        run = wait_for("a run", lambda: bench.runs() and bench.newest(), 60)
        wait_for("load", lambda: any(event["event"] == "load.started" for event in events(run)), 60)
        stream = run / "parts" / "samples-0.arrow"
        wait_for("rows on disk", lambda: stream.exists() and stream.stat().st_size > 8000, 60)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
    assert marked(run_token(run)) == set()
    counted = facts(run)["locust"]
    assert counted["requests"] == len(rows(run)) > 0
    assert json.loads((run / "summary.json").read_text())["ledger"]["balances"]


@pytest.mark.slow
def test_killed_in_the_middle(bench: Bench) -> None:
    """After a SIGKILL of bench no process is left, and the names learnt on the way are there for the rows that are."""
    demo(bench, "locustfile.py")
    command = ("run", "locustfile.py", "--target", "direct", "--users", "3", "--spawn-rate", "3", "--run-time", "10m")
    with ended(bench.start(*command)) as process:
        run = wait_for("a run", lambda: bench.runs() and bench.newest(), 60)
        stream = run / "parts" / "samples-0.arrow"
        wait_for("rows on disk", lambda: stream.exists() and stream.stat().st_size > 8000, 60)
        process.kill()
        process.communicate(timeout=60)
    wait_for("every process to end", lambda: not marked(run_token(run)), 30)
    assert bench("report", str(run)).code in {0, 3}
    found = rows(run)
    assert found
    assert {row["route"] for row in found} <= {"login", "/v1/models", "/v1/chat/completions"}
