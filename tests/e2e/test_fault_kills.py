"""SIGKILL in the middle of every kind of fault: it is gone within its time to live and a second, and nothing is left running."""

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from gatebench.execution.standing import is_there
from gatebench.execution.toxiproxy.program import find_real_server
from tests.e2e.bench_command import Bench, ended, events, listening, marked, ports_of, run_token, wait_for
from tests.execution.toxiproxy.rig import Kind, running

pytestmark = pytest.mark.e2e

LONG = (
    'phase("baseline", "2s"), phase("fault", "40s", faults=[fault("{fault}", on="{place}")]), phase("recovery", "9s")'
)
GONE_S = 8.0
KINDS = (
    ("latency", "provider-a"),
    ("link-down", "provider-a"),
    ("provider-drops", "provider-a"),
    ("process-kill", "provider-a"),
    ("process-pause", "gateway"),
)
KINDS_TWO_SLOW = tuple(
    pytest.param(*kind, marks=pytest.mark.slow) if kind[0] in {"latency", "process-pause"} else kind for kind in KINDS
)


def killed_in(bench: Bench, fault: str, place: str, *options: str) -> Path:
    """Start a run, kill it once its fault is proven, and return its folder."""
    bench.scenario("long", phases=LONG.format(fault=fault, place=place), load='poisson("30/s")')
    with ended(bench.start("run", "long", "--target", "reference", *options)) as process:

        def proven() -> Path | None:
            for path in (bench.folder / "runs").glob("*/"):
                if any(event["event"] in {"fault.proven", "fault.unproven"} for event in events(path)):
                    return path
            return None

        run = wait_for("the proof of the fault", proven, 30)
        assert isinstance(run, Path)
        process.kill()
        process.wait()
    return run


def nothing_is_left(run: Path) -> None:
    """No process of the run, none of its ports."""
    token = run_token(run)
    wait_for(f"the processes {marked(token)} to be gone", lambda: not marked(token), GONE_S)
    assert not ports_of(run) & listening()


@pytest.mark.parametrize(("fault", "place"), KINDS_TWO_SLOW)
def test_nothing_outlives_a_killed_run(bench: Bench, fault: str, place: str) -> None:
    """Own engine: the fault goes with everything else, long before its time to live."""
    nothing_is_left(killed_in(bench, fault, place))


@pytest.mark.slow  # tests/e2e/test_clean_exits.py has the short version
@pytest.mark.parametrize("fault", ["latency", "link-down"])
@pytest.mark.parametrize("kind", ["embedded", "toxiproxy"])
def test_a_server_of_somebody_else_is_left_as_it_was(bench: Bench, kind: Kind, fault: str) -> None:
    """Its process lives on, without our proxies and so without our fault."""
    if kind == "toxiproxy" and find_real_server() is None:
        pytest.skip("no toxiproxy-server here; `make toxiproxy` builds it")
    with running(kind) as server:
        run = killed_in(bench, fault, "provider-a", "--engine", f"http://127.0.0.1:{server.port}")
        token = run_token(run)
        wait_for("the processes to be gone", lambda: not marked(token), GONE_S)
        wait_for("the proxies to be gone", lambda: server.ask("GET", "/proxies").json == {}, GONE_S)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "place"), KINDS)
def test_nothing_outlives_a_killed_keeper(bench: Bench, fault: str, place: str) -> None:
    """A standing topology with a fault by hand: kill what keeps it, and it is gone with its fault."""
    assert bench("up", "--target", "reference").code == 0
    (state,) = json.loads(bench("up", "--list", "--json").out)["standing"]
    try:
        assert bench("chaos", "inject", fault, "--on", place, "--for", "60s").code == 0
    finally:
        os.kill(state["keeper_pid"], signal.SIGKILL)
    wait_for("everything to be gone", lambda: not any(is_there(pid) for pid in state["processes"].values()), GONE_S)
    assert bench("chaos", "clear").code == 0


@pytest.mark.parametrize("kind", ["embedded", "toxiproxy"])
def test_a_fault_ends_in_time_when_whoever_ordered_it_is_dead(bench: Bench, kind: Kind) -> None:
    """bench chaos inject has long ended: our engine ends the fault itself, for the real one a process of ours does."""
    if kind == "toxiproxy" and find_real_server() is None:
        pytest.skip("no toxiproxy-server here; `make toxiproxy` builds it")
    with running(kind) as server:
        server.ask("POST", "/proxies", {"name": "gatebench-it", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
        where = ("--engine", f"http://127.0.0.1:{server.port}")
        assert bench("chaos", "inject", "link-down", "--on", "it", "--for", "6s", *where).code == 0
        on = time.monotonic()  # at the latest: how long the command takes to start is no part of the fault
        assert not server.ask("GET", "/proxies/gatebench-it").json["enabled"]
        wait_for("its end", lambda: server.ask("GET", "/proxies/gatebench-it").json["enabled"])
        assert time.monotonic() - on < 6 + 5, "its time to live, and what a busy machine adds"


@pytest.mark.slow
def test_a_killed_guardian_leaves_a_server_of_somebody_else_as_it_was(bench: Bench) -> None:
    """Whoever keeps the topology takes our proxies away himself, though nothing can be ended in order any more."""
    with running("embedded") as server:
        done = bench("up", "--target", "reference", "--engine", f"http://127.0.0.1:{server.port}")
        assert done.code == 0, done.err
        (state,) = json.loads(bench("up", "--list", "--json").out)["standing"]
        assert bench("chaos", "inject", "latency", "--on", "provider-a", "--for", "60s").code == 0
        (guardian,) = psutil.Process(state["keeper_pid"]).children()
        guardian.kill()
        wait_for("the proxies to be gone", lambda: server.ask("GET", "/proxies").json == {}, GONE_S)
        wait_for("everything to be gone", lambda: not any(is_there(pid) for pid in state["processes"].values()), GONE_S)
        wait_for("the keeper's end", lambda: not is_there(state["keeper_pid"]), GONE_S)
