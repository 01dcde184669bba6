"""bench chaos from a second terminal: on what stands, on what runs, on somebody's Toxiproxy; and the kill switch."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatebench.execution.standing import is_there
from gatebench.execution.toxiproxy.program import find_real_server
from tests.e2e.bench_command import Bench, ended, events, wait_for
from tests.execution.toxiproxy.rig import Kind, Server, running

pytestmark = pytest.mark.e2e


LONG = 'phase("baseline", "2s"), phase("fault", "30s", faults=[fault("latency", on="provider-a")]), phase("recovery", "9s")'


def took_s(url: str) -> float:
    """How long one small answer takes."""
    begun = time.monotonic()
    with urllib.request.urlopen(f"{url}/v1/models", timeout=5) as answer:
        answer.read()
    return time.monotonic() - begun


def undelayed(url: str) -> bool:
    """Whether nothing delays answers: a fault would delay each of them, a busy machine the one or the other."""
    return any(took_s(url) < 0.25 for _ in range(5))


def status(bench: Bench, *more: str) -> list[dict[str, Any]]:
    """What `bench chaos status` knows."""
    return list(json.loads(bench("chaos", "status", "--json", *more).out)["desks"])


def faults(bench: Bench) -> list[dict[str, Any]]:
    """The faults of the one desk there is."""
    (desk,) = status(bench)
    return list(desk["faults"])


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The reference gateway, left standing for the module."""
    bench = Bench(tmp_path_factory.mktemp("standing"))
    done = bench("up", "--target", "reference")
    assert done.code == 0, done.err
    yield bench
    assert bench("down").code == 0


@pytest.fixture
def up(standing: Bench) -> Iterator[Bench]:
    """The same, with nothing on."""
    yield standing
    standing("chaos", "clear")


def link(bench: Bench, name: str) -> str:
    """The URL of a link of the standing topology."""
    state = json.loads((Path(bench.env["GATEBENCH_STATE"]) / "up" / "reference.json").read_text())
    return f"http://{state['links'][name]}"


def test_a_fault_by_hand_bites_and_ends_by_itself(up: Bench) -> None:
    """It is there, proven and shown; and gone when its time is over, without anybody's doing."""
    done = up("chaos", "inject", "latency", "--on", "provider-a", "--for", "12s", "--set", "latency_ms=300")
    assert done.code == 0, done.err
    assert "proven by its canaries" in done.out
    assert "latency=300" in up("chaos", "status").out
    assert took_s(link(up, "provider-a")) >= 0.3
    (row,) = [row for row in faults(up) if row["state"] == "on"]
    assert (row["name"], row["on"], row["proven"], row["manual"]) == ("latency", "provider-a", True, True)
    assert row["parameters"]["latency"] == 300
    wait_for("its end", lambda: faults(up)[-1]["state"] == "over")
    assert undelayed(link(up, "provider-a"))


def test_clear_is_at_once_and_harmless(up: Bench) -> None:
    """Three layers at a time, a minute each: all gone after one word, which may be said again."""
    for fault, place in (("latency", "front"), ("provider-drops", "provider-b"), ("process-pause", "provider-a")):
        done = up("chaos", "inject", fault, "--on", place, "--for", "60s")
        assert done.code == 0, done.out + done.err
    done = up("chaos", "clear")
    assert done.code == 0
    assert done.out.count("cleared") == 3
    assert undelayed(link(up, "front"))
    assert undelayed(link(up, "provider-a"))
    assert up("chaos", "clear").out.strip() == "Nothing was on."


def test_bad_orders_are_refused_with_every_problem(up: Bench) -> None:
    """Unknown fault, unknown place, wrong numbers, no end, two that exclude each other: exit 2 and nothing is on."""
    for arguments, words in (
        (("nosuch", "--on", "moon"), ("no fault of this name", "no such place")),
        (
            ("latency", "--on", "moon", "--set", "latency=-1", "--set", "speed=9"),
            ("one of: front", "out of range", "no parameter speed"),
        ),
        (("latency", "--on", "front", "--for", "never"), ("--for never",)),
        (("provider-drops", "--on", "front"), ("sits in a provider",)),
        (("latency", "--on", "front", "--in", "elsewhere"), ("nothing of this name runs or stands",)),
    ):
        done = up("chaos", "inject", *arguments)
        assert done.code == 2, done.out
        for word in words:
            assert word in done.err
    assert up("chaos", "inject", "link-down", "--on", "provider-b", "--for", "20s").code == 0
    refused = up("chaos", "inject", "latency", "--on", "provider-b", "--json")
    assert refused.code == 2
    assert "lets nothing through unharmed" in json.loads(refused.out)["problems"][0]


def test_a_process_dies_and_comes_back(up: Bench) -> None:
    """The provider's process is another one afterwards; its place answers again."""
    before = json.loads(up("up", "--list", "--json").out)["standing"][0]["processes"]["provider-b"]
    assert up("chaos", "inject", "process-kill", "--on", "provider-b", "--for", "1500ms").code == 0
    assert not is_there(before)
    wait_for("its return", lambda: faults(up)[-1]["state"] == "over", 15)
    assert undelayed(link(up, "provider-b"))
    assert not is_there(before)


def test_a_plan_is_walked_to_its_end(up: Bench) -> None:
    """Its timeline is drawn, its windows come and go, all proven; the log has it."""
    (up.folder / "chaos" / "two.toml").write_text(
        'description = "two bursts"\n[[fault]]\nname = "latency"\non = ["provider-a", "provider-b"]\n'
        'windows = [{ after = "0s", duration = "10s" }]\nshape = { kind = "flap", period = "6s", duty = 0.5 }\n'
        "parameters = { latency = 300 }\n"
    )
    done = up("chaos", "run", "two")
    assert done.code == 0, done.out + done.err
    assert done.out.count("was on from") == 4
    assert "█" in done.out
    assert "two" in up("chaos", "status", "--log").out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_interrupted_takes_its_plan_back(up: Bench, number: signal.Signals) -> None:
    """Even while the proof is awaited: what it has put on is off again, and what others have put on stays."""
    assert up("chaos", "inject", "latency", "--on", "provider-b", "--for", "60s").code == 0
    (up.folder / "chaos" / "long.toml").write_text(
        'description = "long"\n[[fault]]\nname = "latency"\non = "provider-a"\nwindows = [{ duration = "60s" }]\n'
    )
    with ended(up.start("chaos", "run", "long")) as process:
        wait_for("the fault", lambda: faults(up)[-1]["on"] == "provider-a" and faults(up)[-1]["state"] == "on", 15)
        os.killpg(process.pid, number)
        process.communicate(timeout=20)
        assert process.returncode == 130
    assert [row["on"] for row in faults(up) if row["state"] in {"on", "to come"}] == ["provider-b"]


def test_a_run_shows_what_hands_did_to_it(bench: Bench) -> None:
    """Injected from a second terminal while a run goes on: in its events, its summary, its report; counted in no phase."""
    bench.scenario(
        "driven",
        phases='phase("baseline", "20s")',
        load='poisson("60/s")',
        more="dispatch_limit_ms=2000,",
        checks='check("error_share", at_most=0, estimate="point")',
    )
    with ended(bench.start("run", "driven", "--target", "reference")) as process:
        wait_for("the load", lambda: any(desk["kind"] == "run" for desk in status(bench)), 60)
        done = bench("chaos", "inject", "latency", "--on", "provider-a", "--for", "2s", "--set", "latency=150")
        assert done.code == 0, done.out + done.err
        past = bench("chaos", "inject", "latency", "--on", "provider-b", "--for", "60s")
        assert past.code == 2
        assert "past the end of the load" in past.err
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    run = bench.newest()
    names = [event["event"].removeprefix("fault.") for event in events(run) if event.get("fault") == "m1"]
    assert [name for name in names if name != "canary"] == [
        "planned", "requested", "acknowledged", "proven", "clear_requested", "cleared", "proven_clear",
    ]  # fmt: skip
    summary = json.loads((run / "summary.json").read_text())
    (fault,) = summary["faults"]
    assert (fault["manual"], fault["bit"], fault["gone"]) == (True, True, True)
    assert any("injected by hand" in warning for warning in summary["warnings"])
    assert sum(summary["served"]["transition"].values()) > 60
    assert "latency on provider-a (by hand)" in (run / "report.html").read_text()
    assert summary["ledger"]["balances"]
    assert status(bench) == []


@pytest.mark.slow
def test_a_run_against_what_stands_hears_of_its_faults(up: Bench) -> None:
    """The fault was put on the topology, not on the run, and is in the run's summary all the same."""
    up.scenario(
        "visitor",
        phases='phase("baseline", "8s")',
        load='poisson("40/s")',
        more="dispatch_limit_ms=2000,",
        checks='check("error_share", at_most=0, estimate="point")',
    )
    with ended(up.start("run", "visitor", "--target", "up:reference")) as process:
        wait_for("the load", lambda: any(desk["kind"] == "run" for desk in status(up)), 60)
        done = up("chaos", "inject", "latency", "--on", "provider-a", "--in", "reference", "--for", "2s")
        assert done.code == 0, done.out + done.err
        _, err = process.communicate(timeout=60)
        assert process.returncode in {0, 4}, err
    summary = json.loads((up.newest() / "summary.json").read_text())
    (fault,) = summary["faults"]
    assert (fault["id"][:3], fault["manual"], fault["bit"]) == ("up-", True, True)


def test_a_stop_condition_ends_a_run_and_its_faults(bench: Bench) -> None:
    """Half of all requests fail: it stops within seconds, says so, and nothing stays on."""
    bench.scenario(
        "stopped",
        phases='phase("baseline", "2s"), phase("fault", "40s", faults=[fault("link-down", on="front")]), phase("recovery", "3s")',
        load='poisson("60/s")',
        more='stop_when={"error_rate": 0.3, "over": "1s"}, dispatch_limit_ms=2000,',
    )
    begun = time.monotonic()
    done = bench("run", "stopped", "--target", "direct")
    assert time.monotonic() - begun < 40  # of 45 s, and what it takes to start
    assert done.code == 3
    assert "stopped by a stop condition" in done.out
    assert done.summary()["status"] == "stopped"
    names = [event["event"] for event in events(bench.newest())]
    assert names.index("stop.condition") < names.index("fault.cleared")
    assert "fault.proven_clear" in names


@pytest.mark.slow
def test_what_is_no_stop_condition_lets_a_run_finish(bench: Bench) -> None:
    """The same fault under a wider bound goes its whole way."""
    bench.scenario(
        "tolerant",
        phases='phase("baseline", "1s"), phase("fault", "2s", faults=[fault("link-down", on="front")]), phase("recovery", "2s")',
        load='poisson("60/s")',
        more='stop_when={"bad_requests": 100000}, dispatch_limit_ms=2000,',
    )
    assert bench("run", "tolerant", "--target", "direct").summary()["status"] == "finished"


@pytest.mark.parametrize("kind", [pytest.param("embedded", marks=pytest.mark.slow), "toxiproxy"])
def test_somebodys_toxiproxy_is_touched_at_our_proxies_alone(bench: Bench, kind: Kind) -> None:
    """A fault on gatebench-mine ends by itself, with the real server too; the neighbour's toxic stays, also after clear."""
    if kind == "toxiproxy" and find_real_server() is None:
        pytest.skip("no toxiproxy-server here; `make toxiproxy` builds it")
    with running(kind) as server:
        for name in ("gatebench-mine", "theirs"):
            server.ask("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
        server.ask("POST", "/proxies/theirs/toxics", {"name": "keep", "type": "latency", "attributes": {"latency": 1}})
        done = bench("chaos", "inject", "latency", "--on", "mine", "--engine", url(server), "--for", "8s")
        assert done.code == 0, done.err
        assert "nobody proved it" in done.out
        assert toxics(server, "gatebench-mine") == ["latency"]
        assert any(row["on"] == "mine" for desk in status(bench, "--engine", url(server)) for row in desk["faults"])
        wait_for("its end", lambda: toxics(server, "gatebench-mine") == [], 12)
        for fault in ("latency", "link-down"):
            assert bench("chaos", "inject", fault, "--on", "mine", "--engine", url(server), "--for", "60s").code == 0
            if fault == "link-down":
                again = bench("chaos", "inject", fault, "--on", "mine", "--engine", url(server))
                assert again.code == 2
                assert "is down already" in again.err
            assert "at http://" in bench("chaos", "clear", "--engine", url(server)).out
            assert toxics(server, "gatebench-mine") == []
            assert server.ask("GET", "/proxies/gatebench-mine").json["enabled"]
        refused = bench("chaos", "inject", "latency", "--on", "theirs", "--engine", url(server))
        assert refused.code == 2
        assert toxics(server, "theirs") == ["latency"]


def url(server: Server) -> str:
    """Where its API is."""
    return f"http://127.0.0.1:{server.port}"


def toxics(server: Server, proxy: str) -> list[str]:
    """The types of the toxics on a proxy."""
    return [toxic["type"] for toxic in server.ask("GET", f"/proxies/{proxy}").json["toxics"]]


def test_a_toxiproxy_elsewhere_is_refused(bench: Bench) -> None:
    """Faults go to loopback only, unless somebody names the host."""
    done = bench(
        "chaos",
        "inject",
        "latency",
        "--on",
        "x",
        "--engine",
        "http://192.0.2.1:8474",
        "--set",
        "speed=9x",
        "--set",
        "y",
    )
    assert done.code == 2
    assert "--set y: has no KEY=VALUE form" in done.err
    assert "--allow-remote 192.0.2.1" in done.err


def test_serve_is_a_toxiproxy(bench: Bench) -> None:
    """It says where it listens, serves, and ends at SIGTERM; a port that is taken is said."""
    with ended(bench.start("chaos", "serve", "--port", "0", "--seed", "7")) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip().rstrip(".").rpartition(":")[2]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=5) as answer:
            assert json.loads(answer.read())["version"]
        taken = bench("chaos", "serve", "--port", port)
        assert taken.code == 5
        assert "cannot listen" in taken.err
        process.terminate()
        assert process.wait(10) == 0


def test_status_and_clear_of_nothing(bench: Bench) -> None:
    """Neither is an error."""
    assert "nothing is on" in bench("chaos", "status").out
    assert bench("chaos", "clear").code == 0
    assert bench("chaos", "inject", "latency", "--on", "front").code == 2


def test_clear_works_when_the_harness_is_dead(bench: Bench) -> None:
    """SIGKILL of the run with somebody's server: its guardian takes the proxies away; clear finds nothing, and forgets."""
    with running("embedded") as server:
        bench.scenario(
            "long",
            phases=LONG,
        )
        with ended(bench.start("run", "long", "--target", "reference", "--engine", url(server))) as process:
            wait_for(
                "the fault", lambda: any(row["state"] == "on" for desk in status(bench) for row in desk["faults"]), 60
            )
            process.kill()
            process.wait()
        assert bench("chaos", "clear").code == 0
        assert status(bench) == []
        wait_for("the proxies to be gone", lambda: server.ask("GET", "/proxies").json == {}, 10)
