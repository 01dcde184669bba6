"""Processes that die, stand still and come back: a gateway, a provider, and a store behind a link that speaks Redis."""

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.bench_command import Bench, Done, events

pytestmark = pytest.mark.e2e

SLOW = pytest.mark.slow
STORED = Path(__file__).parent / "stored"
BREAKS = 'phase("baseline", "3s"), phase("fault", "{length}", faults=[{fault}]), phase("recovery", "3s")'


@pytest.fixture
def stored(bench: Bench) -> Bench:
    """A workspace with a gateway that counts in Redis."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server here; apt-get install redis-server")
    shutil.copytree(STORED, bench.folder / "targets" / "stored")
    return bench


def broken(bench: Bench, fault: str, length: str = "3s", *more: str) -> Done:
    """Run one fault of a process, or of a store's link, on the gateway with a store."""
    bench.scenario(
        "broken",
        phases=BREAKS.format(fault=fault, length=length),
        load='poisson("40/s")',
        more="dispatch_limit_ms=2000,",
        checks='check("availability", phase="baseline", at_least=0.9, estimate="point")',
    )
    return bench("run", "broken", "--target", "stored", *more)


def statuses(bench: Bench, phase: str) -> set[int]:
    """The HTTP statuses that clients got in a phase, as planned."""
    import pyarrow.parquet as pq

    rows = pq.read_table(bench.newest() / "samples.parquet", columns=["phase", "status"]).to_pylist()
    return {row["status"] for row in rows if row["phase"] == phase}


def statuses_afterwards(bench: Bench) -> set[int]:
    """The HTTP statuses of requests due from half a second after the fault's end on, however long its processes took to start."""
    import pyarrow.parquet as pq

    (cleared_ns,) = (event["at_ns"] for event in events(bench.newest()) if event["event"] == "fault.cleared")
    rows = pq.read_table(bench.newest() / "samples.parquet", columns=["due_ns", "status"]).to_pylist()
    found = {row["status"] for row in rows if row["due_ns"] > cleared_ns + 500_000_000}
    assert found, "the load ended before"
    return found


def was_proven(done: Done) -> None:
    """The run is valid and its fault bit and went."""
    assert done.code == 0, done.out + done.err
    (fault,) = done.summary()["faults"]
    assert (fault["bit"], fault["gone"]) == (True, True)


def test_a_provider_that_is_killed_keeps_its_books(stored: Bench) -> None:
    """Dead as by SIGKILL in the middle of the load, back with a second ledger: every arrival is on the books of one of them."""
    done = broken(stored, 'fault("process-kill", on="provider-a", duration="1500ms")')
    was_proven(done)
    run = stored.newest()
    assert {path.name for path in (run / "parts").glob("attempts-provider-a*")} == {
        "attempts-provider-a.arrow",
        "attempts-provider-a~1.arrow",
    }
    summary = done.summary()
    assert summary["ledger"]["balances"], summary["ledger"]["sentences"]
    assert summary["ledger"]["answers_unjoined"] == 0
    assert not [
        event for event in events(run) if event["event"] == "process.ended" and event["process"] == "provider-a"
    ]
    assert 502 in statuses(stored, "fault")
    assert statuses_afterwards(stored) == {200}


@pytest.mark.parametrize("fault", ["process-kill", pytest.param("process-restart", marks=SLOW)])
def test_a_gateway_goes_and_comes(stored: Bench, fault: str) -> None:
    """By its alias: nobody answers meanwhile, and everybody is answered afterwards."""
    done = broken(stored, f'fault("{fault}", on="gateway", duration="1s")')
    was_proven(done)
    assert 0 in statuses(stored, "fault")
    started = [event for event in events(stored.newest()) if event["event"] == "process.started"]
    assert [event["process"] for event in started].count("gate") == 2


@pytest.mark.parametrize("engine", ["embedded", pytest.param("toxiproxy", marks=SLOW)])
def test_a_link_to_redis_is_proven_in_its_own_protocol(stored: Bench, engine: str) -> None:
    """Its canaries say PING; while it is down the gateway answers 503, on both engines."""
    if engine == "toxiproxy":
        from gatebench.execution.toxiproxy.program import find_real_server

        if find_real_server() is None:
            pytest.skip("no toxiproxy-server here; `make toxiproxy` builds it")
    was_proven(broken(stored, 'fault("link-down", on="store", duration="1s")', "3s", "--engine", engine))
    assert 503 in statuses(stored, "fault")


@SLOW
def test_late_answers_of_redis_have_a_fidelity(stored: Bench) -> None:
    """A ratio fault over PING: what was configured is what was measured."""
    done = broken(stored, 'fault("latency", on="store", latency=100, duration="2s")')
    was_proven(done)
    assert 0.8 <= done.summary()["faults"][0]["fidelity"] <= 1.2


@SLOW
def test_a_store_that_stands_still(stored: Bench) -> None:
    """Commands hang while it is paused and are answered afterwards."""
    was_proven(broken(stored, 'fault("process-pause", on="redis", duration="2s")', "4s"))
    assert 503 in statuses(stored, "fault")


def test_a_fault_on_the_store_of_a_gateway_without_one_is_refused(bench: Bench) -> None:
    """The places that there are are named."""
    bench.scenario("broken", phases=BREAKS.format(fault='fault("latency", on="store")', length="3s"))
    done = bench("run", "broken", "--target", "direct")
    assert done.code == 2
    assert "Choose one of: front, provider-a, provider-b" in done.err


def test_dry_run_draws_the_plan(stored: Bench) -> None:
    """The timeline of faults stands below the load; JSON has every window."""
    stored.scenario("broken", phases=BREAKS.format(fault='fault("latency", on="store", shape=flap("2s"))', length="6s"))
    done = stored("run", "broken", "--target", "stored", "--dry-run")
    assert done.code == 0, done.err
    assert "latency on store" in done.out
    assert "█" in done.out
    plans = json.loads(stored("run", "broken", "--target", "stored", "--dry-run", "--json").out)["plans"]
    assert [fault["part"] for fault in plans[0]["faults"]] == ["1 of 3", "2 of 3", "3 of 3"]
