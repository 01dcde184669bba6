"""Takes a provider away from real gateways, over both engines, and asks whether the books balance."""

import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from gatebench.execution.toxiproxy.program import find_real_server
from tests.e2e.bench_command import Bench, Done

pytestmark = pytest.mark.e2e

ENGINES = ["embedded", "toxiproxy"]
SLOW = pytest.mark.slow  # repeats on the other engine what is shown on one; `make check-all` runs it
ENGINES_ONE_SLOW = ["embedded", pytest.param("toxiproxy", marks=SLOW)]
PHASES = (
    'phase("warmup", "500ms"), phase("baseline", "2s"), phase("fault", "4s", faults=[fault("{fault}", on="{on}")]),'
    ' phase("recovery", "2500ms")'  # joined here: one line would be longer than a reader's eye
)
CHECKS = (
    'check("availability", phase="fault", at_least=0.9, estimate="point"), check("requests_lost", at_most={lost}),'
    ' check("duplicate_execution", at_most=0), check("silent_truncation", at_most=0), check("wrong_answer", at_most=0)'
)


def needs(engine: str) -> None:
    """Skip where the real server is not to be had."""
    if engine == "toxiproxy" and find_real_server() is None:
        pytest.skip("no real toxiproxy-server: `make toxiproxy` builds one where there is Go")


def outage(
    bench: Bench, target: str, engine: str, *, fault: str = "provider-drops", on: str = "provider-a", lost: int = 0
) -> Done:
    """Run a short outage."""
    bench.scenario(
        "outage",
        load='poisson("150/s")',
        phases=PHASES.format(fault=fault, on=on),
        checks=CHECKS.format(lost=lost),
        more='dispatch_limit_ms=1000, deadlines={"connect": "1s", "read": "2s", "total": "2s"},',
    )
    return bench("run", "outage", "--target", target, "--engine", engine)


def books_balance(done: Done) -> dict[str, Any]:
    """Every request one row, every row one outcome, every attempt joined, and the run says so."""
    summary = done.summary()
    ledger = summary["ledger"]
    assert ledger["balances"], ledger["sentences"]
    assert ledger["missing"] == ledger["doubled"] == ledger["attempts_foreign"] == ledger["answers_unjoined"] == 0
    sent = ledger["ok"] + ledger["rejected"] + ledger["error"] + ledger["timeout"] + ledger["in_flight"]
    assert ledger["sent"] == sent
    assert ledger["scheduled"] == sent + ledger["unsent_pool"] + ledger["unsent_generator"] + ledger["unsent_stopped"]
    assert "every one of them has exactly one row" in done.out
    rows = pq.read_table(done.bench.newest() / "samples.parquet")
    assert len(set(rows["request_id"].to_pylist())) == rows.num_rows == ledger["scheduled"]
    return summary


@pytest.mark.parametrize("engine", ENGINES_ONE_SLOW)
@pytest.mark.parametrize("target", ["reference", pytest.param("nginx", marks=SLOW)])
def test_a_gateway_that_fails_over_loses_nothing(bench: Bench, target: str, engine: str) -> None:
    """Exit 0; the fallback served, the dead provider was spared, the provider came back."""
    needs(engine)
    done = outage(bench, target, engine)
    assert done.code == 0, done.out + done.err
    summary = books_balance(done)
    assert summary["served"]["baseline"]["provider-a"] > 0
    assert summary["served"]["fault"]["provider-b"] > 400
    assert summary["served"]["fault"].get("provider-a", 0) == 0
    assert summary["served"]["recovery"]["provider-a"] > 0
    (fault,) = summary["faults"]
    assert fault["bit"]
    assert fault["gone"]
    assert fault["hits"] >= 1
    attempts = pq.read_table(done.bench.newest() / "attempts.parquet").to_pylist()
    dropped = [row for row in attempts if row["end"] == "dropped" and row["kind"] == "load"]
    assert 0 < len(dropped) < 200  # a gateway without an ejection would have tried all six hundred


@pytest.mark.slow  # what a fault does on `direct` the next test shows as well
@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_gateway_the_outage_is_an_outage(bench: Bench, engine: str) -> None:
    """Exit 1 on `direct`: nothing to fail over to; and each sample has at most one attempt on the wire."""
    needs(engine)
    done = outage(bench, "direct", engine)
    assert done.code == 1, done.out + done.err
    summary = books_balance(done)
    assert summary["ledger"]["client_resends"] == 0
    assert summary["served"]["fault"]["nobody"] > 400
    failed = [check["metric"] for check in summary["checks"] if check["verdict"] == "fail"]
    assert failed == ["availability", "requests_lost"]
    evidence = next(check["evidence"] for check in summary["checks"] if check["metric"] == "requests_lost")
    assert evidence


@pytest.mark.parametrize("engine", ENGINES_ONE_SLOW)
def test_under_resets_no_request_is_sent_twice_by_the_client(bench: Bench, engine: str) -> None:
    """reset-peer on the clients' own link: every loss is one row, and no provider saw one request twice."""
    needs(engine)
    done = outage(bench, "direct", engine, fault="reset-peer", on="front")
    summary = books_balance(done)
    assert done.code == 1, done.out + done.err
    assert summary["ledger"]["client_resends"] == 0
    assert summary["ledger"]["causes"].get("reset", 0) + summary["ledger"]["causes"].get("eof", 0) > 100
    attempts = pq.read_table(done.bench.newest() / "attempts.parquet").to_pylist()
    assert max(row["seen"] for row in attempts if row["kind"] == "load") == 1


@pytest.mark.parametrize(
    ("fault", "engine"),
    [
        pytest.param("link-down", "embedded", marks=SLOW),
        pytest.param("latency", "embedded", marks=SLOW),
        pytest.param("timeout", "embedded", marks=SLOW),
        ("bandwidth", "embedded"),
        pytest.param("link-down", "toxiproxy", marks=SLOW),
        pytest.param("latency", "toxiproxy", marks=SLOW),
        pytest.param("timeout", "toxiproxy", marks=SLOW),
        pytest.param("bandwidth", "toxiproxy", marks=SLOW),
    ],
)
def test_link_faults_bite_and_are_gone_on_both_engines(bench: Bench, fault: str, engine: str) -> None:
    """Proven, cleared, proven clear; fidelity inside 0.8 to 1.2 for ratio faults (else the run would be invalid)."""
    needs(engine)
    done = outage(bench, "reference", engine, fault=fault, lost=10_000)
    summary = books_balance(done)
    assert done.code != 3, summary["reasons"]
    (times,) = summary["faults"]
    assert times["bit"]
    assert times["gone"]
    assert times["acknowledged_s"] < times["proven_s"] < times["cleared_s"] < times["proven_clear_s"]
    if fault in {"latency", "bandwidth"}:
        assert 0.8 <= times["fidelity"] <= 1.2


@pytest.mark.slow  # tests/e2e/test_load_processes.py has the short version
@pytest.mark.parametrize("workers", [2, 3])
def test_workers_share_one_schedule(bench: Bench, workers: int) -> None:
    """Locust's master and workers: no arrival lost or doubled."""
    bench.scenario("short", load='poisson("150/s")', more="dispatch_limit_ms=200,")
    done = bench("run", "short", "--target", "direct", "--workers", str(workers))
    assert done.code == 0, done.out + done.err
    books_balance(done)
    rows = pq.read_table(done.bench.newest() / "samples.parquet")
    assert set(rows["worker"].to_pylist()) == set(range(workers))


def test_smoke_drives_every_route(bench: Bench) -> None:
    """Chat, streamed chat and models, all answered, streams with their terminal event."""
    done = bench("run", "smoke", "--target", "reference")
    assert done.code == 0, done.out + done.err
    books_balance(done)
    rows = pq.read_table(done.bench.newest() / "samples.parquet").to_pylist()
    assert {row["route"] for row in rows} == {"chat", "chat-stream", "models"}
    streams = [row for row in rows if row["route"] == "chat-stream"]
    assert all(row["terminal"] and row["tokens"] > 1 and row["first_token_ns"] > 0 for row in streams)
    assert json.loads((done.bench.newest() / "run.json").read_text())["status"] == "finished"


def test_json_is_one_document(bench: Bench) -> None:
    """--json prints the summaries and the exit code, and nothing else on stdout."""
    bench.scenario("short")
    done = bench("run", "short", "--target", "direct", "--json")
    document = json.loads(done.out)
    assert document["schema"] == "gatebench.results/1"
    assert document["exit_code"] == done.code == 0
    assert document["runs"][0]["schema"] == "gatebench.summary/1"


def test_a_running_gateway_is_measured_without_a_ledger(bench: Bench) -> None:
    """--target URL: what only our providers could know is unknown, and the level of evidence says so."""
    import socket
    import threading

    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"

    def serve(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        bench.scenario(
            "short", checks='check("response_p50_ms", at_most=1000, estimate="point"), check("wrong_answer", at_most=0)'
        )
        done = bench("run", "short", "--target", f"http://127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
    summary = done.summary()
    assert done.code == 4, done.out + done.err
    assert summary["evidence"] == "no-ledger"
    assert summary["ledger"]["attempts"] is None
    assert [check["verdict"] for check in summary["checks"]] == ["pass", "unknown"]


def test_keys_never_reach_the_run_folder(bench: Bench) -> None:
    """A header from the environment is sent, and stands in no file of the run."""
    bench.env["GATEWAY_KEY"] = "sk-very-secret-value"
    bench.scenario("short")
    done = bench("run", "short", "--target", "direct", "--header", "authorization=env:GATEWAY_KEY")
    assert done.code == 0, done.out + done.err
    assert "very-secret" not in done.out + done.err
    for path in done.bench.newest().rglob("*"):
        if path.is_file():
            assert b"very-secret" not in path.read_bytes(), path
