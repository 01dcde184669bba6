"""Several processes behind one name: one port, one numbering, one switch, one ledger."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.levers.provider import ProviderLever
from gatebench.execution.topology.ports import free_ports
from gatebench.faults import FaultDefinition
from gatebench.plan import PlannedFault
from tests.e2e.bench_command import Bench, ended, events, marked, ports_of, run_token, wait_for
from tests.execution.upstream.running import CHAT, RUN, TOKEN, Running

pytestmark = pytest.mark.e2e

DROP = FaultDefinition.model_validate(
    {
        "description": "drops",
        "layer": "provider",
        "mechanism": "provider.drop",
        "live_connections": "FIN",
        "attempts_visible": True,
        "effect": "yes/no",
        "proof": {"expect": "eof"},
    }
)
FAULT = PlannedFault(
    id="fault-0", name="drops", on="provider-a", phase="fault", start_ns=0, end_ns=1, parameters={}, definition=DROP
)
MINUTE_NS = 60 * 10**9
TWO = """
    providers={"provider-a": provider(latency={"ttft_median_ms": 2, "token_ms": 0}, processes=2)},
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Running]]:
    """Two processes of one provider on one port."""
    (port,) = free_ports(1)
    started = []
    try:
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            started.append(Running(folder, port=port, process=number, processes=2, admin_port=0))
        yield started
    finally:
        for one in started:
            one.__exit__()


@pytest.fixture
def lever(pair: list[Running]) -> Iterator[ProviderLever]:
    """A switch for both."""
    with closing(ProviderLever(FAULT, [f"http://127.0.0.1:{one.admin_port}" for one in pair], TOKEN)) as lever:
        yield lever


def ask(port: int, arrival: int) -> httpx.Response:
    """Ask over a fresh connection, so that the kernel chooses anew who gets it."""
    headers = {"x-request-id": f"gb-{RUN}-{arrival}-0-l"}
    with httpx.Client(trust_env=False) as client:
        return client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=CHAT, headers=headers)


def test_no_ordinal_comes_twice(pair: list[Running]) -> None:
    """Process 0 counts 1, 3, 5 and process 1 counts 2, 4, 6; both get some of sixty connections, numbered likewise."""
    for number in range(60):
        assert ask(pair[0].port, number).status_code == 200
    for one in pair:
        one.flush()
    rows = [one.rows for one in pair]
    for number, mine in enumerate(rows):
        assert [row["attempt"] for row in mine] == [number + 1 + 2 * place for place in range(len(mine))]
        assert {row["connection"] % 2 for row in mine} == {1 - number}
    assert sorted(row["arrival_id"] for mine in rows for row in mine) == list(range(60))
    assert all(rows)  # one of them got none: once in 2^59


def test_the_lever_reaches_all(pair: list[Running], lever: ProviderLever) -> None:
    """On when the last says so, off likewise, and the hits are those of both."""
    on_ns = lever.apply(MINUTE_NS)
    states = [one.admin("GET", "state")[1]["faults"][0] for one in pair]
    assert on_ns == max(state["since_ns"] for state in states)
    for number in range(40):
        with pytest.raises(httpx.RemoteProtocolError):
            ask(pair[0].port, number)
    cleared = lever.clear()
    assert cleared.hits == 40
    assert cleared.at_ns > on_ns
    assert ask(pair[0].port, 40).status_code == 200


def test_the_lever_asks_all_even_when_one_is_gone(pair: list[Running], lever: ProviderLever) -> None:
    """A process that does not answer is an error, and the fault is off at the other one all the same."""
    lever.apply(MINUTE_NS)
    os.kill(pair[0].process.pid, signal.SIGKILL)
    pair[0].process.wait()
    with pytest.raises(EnvironmentFailure, match="provider-a does not answer its admin API"):
        lever.clear()
    assert pair[1].admin("GET", "state")[1]["faults"] == []


def test_the_shared_port_controls_nobody(pair: list[Running]) -> None:
    """Who would answer there is chance; the payload that canaries measure by may come from either."""
    with httpx.Client(trust_env=False, headers={"x-gatebench-token": TOKEN}) as client:
        url = f"http://127.0.0.1:{pair[0].port}/__gatebench__"
        refused = client.post(f"{url}/flush")
        assert (refused.status_code, "admin_port" in refused.text) == (421, True)
        assert client.get(f"{url}/payload?bytes=9").json() == {"payload": "x" * 9}


def scenario(bench: Bench, phases: str, checks: str) -> None:
    """Write a scenario with one provider of two processes."""
    (bench.folder / "scenarios" / "two.py").write_text(
        f'''"""Two processes."""

from gatebench import Scenario, check, fault, phase, poisson, provider
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(prompt_words=5, max_tokens=4),
    load=poisson("100/s"),
    phases=[{phases}],
    objective={{"response_ms": 1000}},
    dispatch_limit_ms=500,
    checks=[{checks}],
    {TWO}
)
'''
    )


@pytest.mark.slow
def test_a_run_joins_them_as_one_provider(bench: Bench) -> None:
    """A fault hits both; the ledger is one, nothing is missing, and nothing is left behind."""
    phases = (
        'phase("baseline", "2s"), phase("fault", "2s", faults=[fault("provider-drops", on="provider-a")]), '
        'phase("recovery", "2s")'
    )
    scenario(bench, phases, 'check("error_share", phase="baseline", at_most=0.0, estimate="point")')
    done = bench("run", "two", "--target", "direct")
    assert done.code == 0, done.out + done.err
    run = bench.newest()
    attempts = pq.read_table(run / "attempts.parquet").to_pylist()
    assert {row["provider"] for row in attempts} == {"provider-a"}
    assert len({row["attempt"] for row in attempts}) == len(attempts)
    dropped = [row for row in attempts if row["end"] == "dropped"]
    assert {row["attempt"] % 2 for row in dropped} == {0, 1}
    assert sorted(path.name for path in (run / "parts").glob("attempts-*")) == [
        "attempts-provider-a.0.arrow",
        "attempts-provider-a.1.arrow",
    ]
    topology = json.loads((run / "run.json").read_text())["topology"]
    assert len(topology["admins"]["provider-a"]) == 2
    assert {"provider-a.0", "provider-a.1"} <= topology["processes"].keys()
    assert len(ports_of(run)) == 5  # the name's, one of each process, its link, the front
    samples = pq.read_table(run / "samples.parquet").to_pylist()
    seen = {(row["provider"], row["attempt"]) for row in attempts}
    assert all((row["provider"], row["attempt"]) in seen for row in samples if row["outcome"] == "ok")
    assert marked(run_token(run)) == set()


@pytest.mark.slow
def test_one_of_them_killed_makes_the_run_invalid(bench: Bench) -> None:
    """kill -9 of the second process: exit 3, and the reason names it."""
    scenario(bench, 'phase("baseline", "4s")', 'check("error_share", at_most=1.0, estimate="point")')
    with ended(bench.start("run", "two", "--target", "direct")) as process:
        run = wait_for(
            "the load", lambda: [p for p in bench.runs() if any(e["event"] == "load.started" for e in events(p))]
        )[0]
        os.kill(json.loads((run / "run.json").read_text())["topology"]["processes"]["provider-a.1"], signal.SIGKILL)
        process.communicate(timeout=60)
        assert process.returncode == 3
    reasons = " ".join(json.loads((run / "summary.json").read_text())["reasons"])
    assert "provider-a.1 ended by itself" in reasons
    assert marked(run_token(run)) == set()
