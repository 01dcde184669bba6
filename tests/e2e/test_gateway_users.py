"""Tasks of the user's own GatewayUser classes under an open schedule: every arrival has a row, every request an ordinal."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.e2e.bench_command import ROOT, Bench, Done, ended, events, marked, run_token, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DEMOS = ROOT / "docs" / "demos" / "locust"
IMPORTS = "import time\nimport gevent\nfrom gatebench.locust import GatewayUser, TaskSet, task\n"
PATIENT = "dispatch_limit_ms=20000"  # this machine may be busy; lateness decides nothing here
NO_ERRORS = 'check("error_share", at_most=0, estimate="point")'


def users(bench: Bench, body: str, **scenario: str) -> str:
    """Write a file of users and a scenario that names it."""
    (bench.folder / "users.py").write_text(IMPORTS + body)
    given = {"load": 'constant("20/s")', "phases": 'phase("steady", "2s")', "more": PATIENT, "checks": NO_ERRORS}
    bench.scenario("mine", **{"traffic": 'user_code("users.py")', **given, **scenario})
    path = bench.folder / "scenarios" / "mine.py"
    path.write_text(path.read_text().replace("import chat,", "import user_code, chat,"))
    return "mine"


def rows(run: Path) -> list[dict[str, Any]]:
    """Every row of the run."""
    return list(pq.read_table(run / "samples.parquet").to_pylist())


def facts(run: Path, worker: int = 0) -> dict[str, Any]:
    """What a load process said of itself."""
    return dict(json.loads((run / "parts" / f"load-{worker}.json").read_text()))


def assert_balanced(done: Done) -> dict[str, Any]:
    """The books balance, every request reached a provider once, and ordinals run from 0 without a gap."""
    ledger = dict(done.summary()["ledger"])
    assert ledger["balances"], ledger["sentences"]
    unsent = sum(ledger[f"unsent_{cause}"] for cause in ("pool", "generator", "stopped", "task"))
    assert ledger["scheduled"] + ledger["further"] == ledger["sent"] + unsent
    assert ledger["attempts"] == ledger["attempts_joined"] == ledger["sent"]
    assert ledger["client_resends"] == 0
    ordinals: dict[int, list[int]] = defaultdict(list)
    for row in rows(done.bench.newest()):
        ordinals[row["arrival_id"]].append(row["ordinal"])
    assert sorted(ordinals) == list(range(ledger["scheduled"]))
    assert all(sorted(found) == list(range(len(found))) for found in ordinals.values())
    return ledger


@pytest.mark.slow
def test_the_same_behaviour_as_users_and_as_a_scenario(bench: Bench) -> None:
    """One seed draws the same tasks as routes: counts agree to the request, arrival by arrival and at the provider."""
    shutil.copy(DEMOS / "shop_users.py", bench.folder)
    for name in ("shop_users", "shop_plain"):
        text = (DEMOS / "scenarios" / f"{name}.py").read_text().replace('"10s"', '"3s"')
        (bench.folder / "scenarios" / f"{name}.py").write_text(
            text.replace("    checks=", f"    {PATIENT},\n    checks=")
        )
    done = bench("run", "shop-users", "--target", "direct")
    assert done.code == 0, done.err + done.out
    assert_balanced(done)
    by_users = {row["arrival_id"]: row["route"] for row in rows(bench.newest()) if row["route"] != "login"}
    logins = [row for row in rows(bench.newest()) if row["route"] == "login"]
    assert len(logins) == facts(bench.newest())["users_made"] > 0
    assert {row["ordinal"] for row in logins} == {0}
    done = bench("run", "shop-plain", "--target", "direct")
    assert done.code == 0, done.err + done.out
    assert_balanced(done)
    plain = {row["arrival_id"]: f"ShopUser.{row['route']}" for row in rows(bench.newest())}
    assert by_users == plain
    counts = Counter(plain.values())
    assert counts["ShopUser.buy"] > counts["ShopUser.browse"] > 0


def test_three_requests_an_arrival(bench: Bench) -> None:
    """Ordinals 0, 1, 2; the first is due when the arrival was, the later ones when the task asked."""
    body = """
class Three(GatewayUser):
    @task
    def ask(self):
        for _ in range(3):
            assert self.client.get("/v1/models").ok
"""
    done = bench("run", users(bench, body), "--target", "direct")
    assert done.code == 0, done.err + done.out
    ledger = assert_balanced(done)
    assert (ledger["scheduled"], ledger["sent"], ledger["further"]) == (40, 120, 80)
    arrivals: dict[int, dict[int, Any]] = defaultdict(dict)
    for row in rows(bench.newest()):
        arrivals[row["arrival_id"]][row["ordinal"]] = row
    start_ns = facts(bench.newest())["t0_ns"]
    for arrival, asked in arrivals.items():
        assert asked[0]["due_ns"] == start_ns + arrival * 50_000_000
        for before, after in ((0, 1), (1, 2)):
            assert asked[before]["done_ns"] <= asked[after]["due_ns"] <= asked[after]["sent_ns"]
        assert {row["request_id"].split("-")[3] for row in asked.values()} == {"0", "1", "2"}
    twice = [metric for metric in done.summary()["metrics"] if metric["name"] == "duplicate_execution"]
    assert twice[0]["value"] == 0
    assert twice[0]["n"] == 120


@pytest.mark.slow
def test_a_task_may_wait_in_every_way(bench: Bench) -> None:
    """time.sleep, gevent.sleep, a gevent.Timeout around a request, greenlets of its own: the schedule goes on meanwhile."""
    body = """
class Sleepy(GatewayUser):
    @task
    def sleep(self):
        self.client.get("/v1/models")
        time.sleep(0.2)
        gevent.sleep(0.2)
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 3}
        with gevent.Timeout(0.0001, False):
            self.client.post("/v1/chat/completions", json=body)
        gevent.joinall([gevent.spawn(self.client.get, "/v1/models") for _ in range(2)], raise_error=True)
        print("awake")
"""
    done = bench("run", users(bench, body), "--target", "direct")
    assert done.code == 0, done.err + done.out
    ledger = assert_balanced(done)
    assert ledger["sent"] == ledger["ok"] == 40 * 4
    late = max((row["sent_ns"] - row["due_ns"]) / 1e9 for row in rows(bench.newest()) if row["ordinal"] == 0)
    assert late < 20
    assert facts(bench.newest())["users_made"] > 1
    assert (bench.newest() / "logs" / "load-0.log").read_text().count("awake") == 40


@pytest.mark.slow
def test_an_arrival_whose_task_asks_for_nothing(bench: Bench) -> None:
    """Its row is unsent with the cause task; it is no error of the target, and the run is valid."""
    body = """
class Undecided(GatewayUser):
    @task
    def nothing(self):
        pass
    @task
    def something(self):
        self.client.get("/v1/models")
"""
    done = bench("run", users(bench, body), "--target", "direct")
    assert done.code == 0, done.err + done.out
    ledger = assert_balanced(done)
    assert ledger["unsent_task"] + ledger["sent"] == 40
    met = Counter((row["route"], row["outcome"], row["cause"]) for row in rows(bench.newest()))
    assert met == {
        ("Undecided.nothing", "unsent", "task"): ledger["unsent_task"],
        ("Undecided.something", "ok", ""): ledger["sent"],
    }
    assert ledger["unsent_task"] > 0
    said = [finding["sentence"] for finding in done.summary()["validity"] if finding["name"] == "tasks"]
    assert said == [f"No task raised an exception; {ledger['unsent_task']} arrivals asked for nothing."]


@pytest.mark.slow
def test_tasks_that_raise_are_named_and_counted(bench: Bench) -> None:
    """Before asking: a row unsent/task. After: its rows stay. Exit 3 with task, exception, line and count, of all workers."""
    body = """
class Raising(GatewayUser):
    @task
    def before(self):
        raise ValueError("sold out")
    @task
    def after(self):
        self.client.get("/v1/models")
        {}["basket"]
"""
    done = bench("run", users(bench, body), "--target", "direct", "--workers", "2")
    assert done.code == 3, done.err + done.out
    ledger = assert_balanced(done)
    reasons = " ".join(done.summary()["reasons"])
    assert f"Raising.before raised ValueError: sold out at users.py:8, {ledger['unsent_task']} times" in reasons
    assert f"Raising.after raised KeyError: 'basket' at users.py:12, {ledger['sent']} times" in reasons
    assert ledger["unsent_task"] + ledger["sent"] == 40
    counted = [one for worker in (0, 1) for one in facts(bench.newest(), worker)["task_errors"]]
    assert sum(one["count"] for one in counted) == 40
    assert all("Traceback" in one["traceback"] for one in counted)


@pytest.mark.slow
def test_users_classes_and_task_sets_share_by_weight(bench: Bench) -> None:
    """Classes by weight, tasks within, nested sets flattened; on_start once a user; a route of its own by `name`."""
    body = """
class Common(GatewayUser):
    weight = 3
    @task
    class Inside(TaskSet):
        @task
        def ask(self):
            self.client.get("/v1/models", name="renamed")
class Rare(GatewayUser):
    def on_start(self):
        self.client.get("/v1/models")
    @task
    def ask(self):
        self.client.get("/v1/models")
"""
    checks = f'{NO_ERRORS}, check("error_share", route="Rare.ask", at_most=0, estimate="point")'
    done = bench("run", users(bench, body, load='constant("100/s")', checks=checks), "--target", "direct")
    assert done.code == 0, done.err + done.out
    assert_balanced(done)
    found = Counter(row["route"] for row in rows(bench.newest()))
    assert set(found) == {"renamed", "Rare.ask", "Rare.on_start"}
    assert found["renamed"] + found["Rare.ask"] == 200
    assert found["renamed"] > found["Rare.ask"] > found["Rare.on_start"] > 0
    routes = {metric["route"] for metric in done.summary()["metrics"] if metric["name"] == "error_share"}
    assert {"renamed", "Rare.ask", "Rare.on_start"} <= routes


@pytest.mark.slow
def test_one_class_of_a_file_mixed_with_plain_traffic(bench: Bench) -> None:
    """`FILE.py:Class` leaves the others out, and `mix` gives the tasks the weight that the scenario says."""
    body = """
class A(GatewayUser):
    @task
    def ask(self): self.client.get("/v1/models")
class B(GatewayUser):
    @task
    def ask(self): raise ValueError
"""
    traffic = 'mix(user_code("users.py:A", weight=1), chat(weight=3, prompt_words=2, max_tokens=2))'
    done = bench("run", users(bench, body, traffic=traffic, load='constant("100/s")'), "--target", "direct")
    assert done.code == 0, done.err + done.out
    assert_balanced(done)
    found = Counter(row["route"] for row in rows(bench.newest()))
    assert set(found) == {"A.ask", "chat"}
    assert found["chat"] > found["A.ask"] > 0


@pytest.mark.slow
def test_stopped_in_the_middle(bench: Bench) -> None:
    """Ctrl-C: what is open is in flight, who has not asked yet is unsent/stopped, the rest is drained; books balance."""
    body = """
class Slow(GatewayUser):
    @task
    def slow(self):
        self.client.get("/v1/models")
        gevent.sleep(600)
        self.client.get("/v1/models")
    @task
    def later(self):
        gevent.sleep(600)
        self.client.get("/v1/models")
"""
    users(bench, body, phases='phase("steady", "10m")')
    with ended(bench.start("run", "mine", "--target", "direct")) as process:
        run = wait_for("a run", lambda: bench.runs() and bench.newest(), 60)
        wait_for("load", lambda: any(event["event"] == "load.started" for event in events(run)), 60)
        stream = run / "parts" / "samples-0.arrow"
        wait_for("rows on disk", lambda: stream.exists() and stream.stat().st_size > 8000, 60)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
    assert marked(run_token(run)) == set()
    summary = json.loads((run / "summary.json").read_text())
    assert summary["ledger"]["balances"], summary["ledger"]["sentences"]
    met = Counter((row["route"], row["ordinal"], row["outcome"], row["cause"]) for row in rows(run))
    assert set(met) == {("Slow.slow", 0, "ok", ""), ("Slow.later", 0, "unsent", "stopped")}
    assert facts(run)["tasks_cut"] == sum(met.values())


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise ValueError('closed')\n", "users.py:4: raises ValueError: closed."),
        ("from locust import HttpUser\nclass A(HttpUser):\n    @task\n    def a(self): ...\n",
         "users.py: has no GatewayUser, only A, which bring a client of their own."),
        ("x = 1\n", "users.py: has no GatewayUser, no user class at all."),
        ("from locust import SequentialTaskSet\nclass A(GatewayUser):\n    @task\n    class S(SequentialTaskSet):\n"
         "        @task\n        def a(self): ...\n", "users.py: S runs its tasks in an order"),
        ("class A(GatewayUser):\n    pass\n", "users.py: A has no task."),
        ("class A(GatewayUser):\n    tasks = [lambda user: None]\n", "is no name for a route."),
    ],
    ids=["raises", "http", "nobody", "ordered", "no task", "lambda"],
)  # fmt: skip
def test_user_code_that_cannot_be_run_starts_nothing(bench: Bench, body: str, sentence: str) -> None:
    """Exit 2, each problem named with its cure."""
    done = bench("run", users(bench, body), "--target", "direct", "--json")
    assert done.code == 2
    assert any(sentence in problem for problem in json.loads(done.out)["problems"]), done.err
    assert bench.runs() == []


def test_problems_around_user_code(bench: Bench) -> None:
    """A closed load, a route that no task has, a file that is not there, a class that is not in it."""
    body = "class A(GatewayUser):\n    @task\n    def a(self): ...\n"
    name = users(bench, body, checks='check("error_share", route="A.b", at_most=0)')
    done = bench("run", name, "--target", "direct", "--json")
    assert done.code == 2
    assert 'check(\\"error_share\\") names the route \\"A.b\\", which is none. The routes are: A.a.' in done.out
    for traffic, sentence in (
        ('user_code("nobody.py")', "is not there; looked in"),
        ('user_code("users.py:B")', "has no GatewayUser called B. Choose one of: A."),
    ):
        done = bench("run", users(bench, body, traffic=traffic), "--target", "direct", "--json")
        assert done.code == 2
        assert sentence in done.out


@pytest.mark.parametrize("line", ["from locust import HttpUser", "from gatebench.locust import GatewayUser, task"])
def test_a_scenario_that_imports_locust_is_told_what_to_do_instead(bench: Bench, line: str) -> None:
    """Exit 2: the scenario would patch the harness's own sockets; its users stand in a file named by path."""
    (bench.folder / "scenarios" / "patching.py").write_text(line + "\n")
    done = bench("run", "patching", "--target", "direct", "--json")
    assert done.code == 2
    (problem,) = json.loads(done.out)["problems"]
    assert problem.startswith(f"scenarios/patching.py: imports {line.split()[1]}, which would patch")
    assert 'traffic=user_code("FILE.py")' in problem
