"""However a run ends, nothing of it is left: no process, no port, no fault; and what was measured is reportable."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from gatebench.execution.toxiproxy.program import find_real_server
from tests.e2e.bench_command import Bench, ended, events, listening, marked, ports_of, run_token, wait_for

pytestmark = pytest.mark.e2e

PHASES = 'phase("baseline", "3s"), phase("fault", "20s", faults=[fault("{fault}", on="provider-a")]), phase("recovery", "3s")'


def start(bench: Bench, target: str, fault: str = "provider-drops", *more: str) -> subprocess.Popen[str]:
    """Start a run with a long fault."""
    bench.scenario("long", phases=PHASES.format(fault=fault), load='poisson("60/s")')
    return bench.start("run", "long", "--target", target, *more)


def reached(bench: Bench, stage: str) -> Path:
    """Wait until the run's events say that it is in `stage`, and return its folder."""

    def there() -> Path | None:
        names = {stage, stage.replace("fault.proven", "fault.unproven")}  # on it is either way
        runs = [path for path in (bench.folder / "runs").glob("*/") if any(e["event"] in names for e in events(path))]
        return runs[0] if runs else None

    found = wait_for(f"the event {stage}", there)
    assert isinstance(found, Path)
    return found


def nothing_is_left(run: Path, within_s: float = 12.0) -> None:
    """No process carries the run's mark, and none of its ports is listened on."""
    token = run_token(run)
    wait_for(f"the processes {marked(token)} to be gone", lambda: not marked(token), within_s)
    assert not ports_of(run) & listening()


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        pytest.param("process.started", signal.SIGINT, id="process.started-Ctrl-C", marks=pytest.mark.slow),
        pytest.param("process.started", signal.SIGTERM, id="process.started-SIGTERM"),
        pytest.param("load.started", signal.SIGINT, id="load.started-Ctrl-C"),
        pytest.param("load.started", signal.SIGTERM, id="load.started-SIGTERM", marks=pytest.mark.slow),
        pytest.param("fault.proven", signal.SIGINT, id="fault.proven-Ctrl-C", marks=pytest.mark.slow),
        pytest.param("fault.proven", signal.SIGTERM, id="fault.proven-SIGTERM"),
    ],
)
def test_an_interrupted_run_is_taken_down_and_reported(bench: Bench, stage: str, number: signal.Signals) -> None:
    """Exit 130, the fault cleared, a summary that says interrupted."""
    with ended(start(bench, "nginx" if stage == "load.started" else "reference")) as process:
        run = reached(bench, stage)
        os.killpg(process.pid, number)  # as a terminal does: the whole foreground group
        out, err = process.communicate(timeout=40)
        assert process.returncode == 130, err
        nothing_is_left(run, within_s=1.0)
        summary = json.loads((run / "summary.json").read_text())
        assert summary["status"] == "interrupted"
        assert summary["verdict"] == "invalid"
        assert (run / "report.html").exists()
        assert "interrupted" in (out + err).lower()
        if stage == "fault.proven":
            names = [event["event"] for event in events(run)]
            assert "fault.cleared" in names
            assert summary["ledger"]["balances"]
            assert summary["ledger"]["sent"] > 0


@pytest.mark.parametrize(
    "stage", [pytest.param("process.started", marks=pytest.mark.slow), "load.started", "fault.proven"]
)
def test_a_killed_harness_leaves_nothing_and_its_samples_are_readable(bench: Bench, stage: str) -> None:
    """SIGKILL of bench: the guardian ends all trees; `bench report` reads what was flushed."""
    with ended(start(bench, "nginx" if stage == "fault.proven" else "reference")) as process:
        run = reached(bench, stage)
        process.kill()
        process.wait()
        nothing_is_left(run)
    done = bench("report", str(run))
    assert done.code in {0, 3}
    summary = json.loads((run / "summary.json").read_text())
    assert summary["verdict"] == "invalid"
    if stage == "fault.proven":
        assert summary["ledger"]["sent"] > 50


def test_a_killed_guardian_leaves_nothing_either(bench: Bench) -> None:
    """The run fails at once, and bench takes the orphans down itself."""
    with ended(start(bench, "nginx")) as process:
        run = reached(bench, "load.started")
        os.kill(json.loads((run / "run.json").read_text())["topology"]["guardian"], signal.SIGKILL)
        process.communicate(timeout=60)
        assert process.returncode == 5
        nothing_is_left(run, within_s=1.0)


@pytest.mark.parametrize("fault", ["link-down", pytest.param("latency", marks=pytest.mark.slow)])
def test_a_killed_harness_leaves_no_fault_on_somebody_elses_toxiproxy(bench: Bench, fault: str) -> None:
    """A server that we did not start outlives us: our proxies are taken off it, and only ours."""
    program = find_real_server()
    if program is None:
        pytest.skip("no real toxiproxy-server: `make toxiproxy` builds one where there is Go")
    from gatebench.execution.topology.ports import free_ports

    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [program, "-host", "127.0.0.1", "-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for("the server", lambda: port in listening())
        theirs = json.dumps({"name": "theirs", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"}).encode()
        urllib.request.urlopen(f"{url}/proxies", data=theirs).close()
        bench.env["TOXIPROXY_URL"] = url
        with ended(start(bench, "reference", fault)) as process:
            run = reached(bench, "fault.proven")
            proxies = json.load(urllib.request.urlopen(f"{url}/proxies"))
            assert len(proxies) == 4
            process.kill()
            process.wait()
            nothing_is_left(run)
        assert list(json.load(urllib.request.urlopen(f"{url}/proxies"))) == ["theirs"]
    finally:
        server.terminate()
        server.wait()
