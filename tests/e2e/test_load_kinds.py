"""Every kind of load arrives as it was planned, to the request."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.e2e.bench_command import Bench

pytestmark = pytest.mark.e2e

CALM = "dispatch_limit_ms=2000,"  # a busy machine decides no test here


def rows(run: Path) -> list[dict[str, Any]]:
    """Return the samples of a run in order of arrival."""
    table = pq.read_table(run / "samples.parquet").to_pylist()
    return sorted(table, key=lambda row: (row["arrival_id"], row["ordinal"]))


def summary(run: Path) -> dict[str, Any]:
    """Return a run's summary."""
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def value(run: Path, metric: str) -> dict[str, Any]:
    """Return a metric of the whole run."""
    return next(m for m in summary(run)["metrics"] if m["name"] == metric and m["phase"] is None and m["route"] is None)


def test_a_trace_is_replayed_as_it_stands(bench: Bench) -> None:
    """Times, routes, tenants and sizes of the rows are those of the file; what is empty there is drawn."""
    lines = ["timestamp,route,tenant,size"]
    lines += [f"{number * 0.01:.3f},chat,tenant-{number % 3},{300 + number}" for number in range(150)]
    lines += ["1.7,models,,", "1.8,,,", "99,chat,,"]
    (bench.folder / "scenarios" / "recorded.csv").write_text("\n".join(lines))
    bench.scenario(
        "replay", traffic="mix(chat(tenants=3, prompt_words=5), models())", load='trace("recorded.csv")', more=CALM
    )
    done = bench("run", "replay", "--target", "direct", "--workers", "2")
    assert done.code == 0, done.out + done.err
    (run,) = bench.runs()
    found = rows(run)
    assert [row["arrival_id"] for row in found] == list(range(152))
    assert any("1 arrivals of the trace lie beyond" in warning for warning in summary(run)["warnings"])
    start_ns = json.loads((run / "run.json").read_text())["clock"]["load_start_ns"]
    assert [row["due_ns"] - start_ns for row in found[:150]] == [number * 10_000_000 for number in range(150)]
    assert [row["tenant"] for row in found[:150]] == [f"tenant-{number % 3}" for number in range(150)]
    assert {row["route"] for row in found[:150]} == {"chat"}
    heads = {row["bytes_sent"] - 300 - number - len(str(number)) for number, row in enumerate(found[:150])}
    assert len(heads) == 1, (
        "a request is its head, which holds the arrival's number, and a body of the size the trace says"
    )
    assert found[150]["route"] == "models"
    (bench.folder / "scenarios" / "recorded.csv").unlink()
    assert bench("report", str(run)).code == 0, "the run folder holds its own trace"


def test_a_trace_out_of_order_starts_nothing(bench: Bench) -> None:
    """Exit code 2, the line named, no run folder."""
    (bench.folder / "scenarios" / "mess.csv").write_text("timestamp\n0\n2\n1\n")
    bench.scenario("replay", load='trace("mess.csv")')
    done = bench("run", "replay", "--target", "direct", "--rate", "5/s")
    assert done.code == 2
    assert 'mess.csv:4: "1" is earlier than the line before it' in done.err + done.out
    assert "the load is a trace, which has its own rate" in done.err + done.out
    assert bench.runs() == []


def test_users_obey_littles_law(bench: Bench) -> None:
    """20 users who think 100 ms and wait about 40: the books balance, the law holds, and it is said beside the times."""
    bench.scenario(
        "closed", load='users(20, think="100ms")', phases='phase("warmup", "1s"), phase("baseline", "4s")', more=CALM
    )
    done = bench("run", "closed", "--target", "direct", "--workers", "2")
    assert done.code == 0, done.out + done.err
    assert "20 users" in done.err + done.out
    (run,) = bench.runs()
    assert summary(run)["ledger"]["balances"]
    law = value(run, "littles_law_users")
    assert abs(law["value"] / 20 - 1) < 0.05, law
    found = rows(run)
    users = {row["arrival_id"] % 20 for row in found}
    assert users == set(range(20))
    for user in range(20):
        mine = [row for row in found if row["arrival_id"] % 20 == user]
        assert [row["arrival_id"] // 20 for row in mine] == list(range(len(mine)))
        assert all(before["done_ns"] <= after["due_ns"] for before, after in pairwise(mine))
    assert value(run, "in_flight_mean")["value"] < 20


def test_a_mix_of_loads_floods_one_tenant_only(bench: Bench) -> None:
    """100 arrivals for tenant-0 in the flood, 40 for tenant-1, exactly."""
    flood = 'spike("0.001/s", "100/s", at="500ms", lasting="1s", arrivals="even", tenant="tenant-0")'
    load = f'mixed({flood}, constant("20/s", tenant="tenant-1"))'
    bench.scenario("flood", traffic="chat(tenants=2, prompt_words=5)", load=load, more=CALM)
    done = bench("run", "flood", "--target", "direct")
    assert done.code == 0, done.out + done.err
    tenants = [row["tenant"] for row in rows(bench.runs()[0])]
    assert abs(tenants.count("tenant-0") - 100) <= 1
    assert tenants.count("tenant-1") == 40


def test_a_breakpoint_ends_where_the_target_breaks(bench: Bench) -> None:
    """A target that answers one request at a time in 20 ms takes 50/s: beyond, it breaks, and that is a result, not a defect."""
    bench.scenario(
        "rising",
        load='breakpoint("10/s", "400/s", stop_when_bad=0.5)',
        phases='phase("rising", "12s")',
        checks='check("breaking_rate_per_s", at_least=20), check("breaking_rate_per_s", at_most=399)',
        more=CALM + 'deadlines={"connect": "300ms", "read": "300ms", "total": "300ms"},',
    )
    server = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Slow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        time.sleep(0.02)
        self.send_response(200); self.send_header("content-length", "2"); self.send_header("connection", "close"); self.end_headers()
        self.wfile.write(b"{}")
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"])); self.do_GET()
    def log_message(self, *a): pass
HTTPServer.request_queue_size = 100
HTTPServer(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
"""
    bench.target(
        "slow",
        'description = "One at a time."\n[[process]]\nname = "slow"\ncommand = ["{{ python }}", "{{ folder }}/server.py", "{{ port }}"]\n',
        server_py=server,
    )
    done = bench("run", "rising", "--target", "slow")
    assert done.code == 0, done.out + done.err
    (run,) = bench.runs()
    found = summary(run)
    assert found["ledger"]["balances"], found["ledger"]["sentences"]
    assert found["status"] == "finished"
    due = np.array([row["due_ns"] for row in rows(run)])
    assert (due.max() - due.min()) / 1e9 < 11, "it ended early"
    assert 20 <= value(run, "breaking_rate_per_s")["value"] < 399


def test_a_dry_run_draws_the_schedule(bench: Bench) -> None:
    """The plot, its phases and its axis are in 80 columns of plain text; JSON has the counts."""
    bench.env["COLUMNS"] = "80"
    bench.scenario("wave", load='sine("10/s", "90/s", period="1s", arrivals="even")')
    done = bench("run", "wave", "--target", "direct", "--dry-run")
    assert done.code == 0
    assert "█" in done.out
    assert "baseline" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    plan = json.loads(bench("run", "wave", "--target", "direct", "--dry-run", "--json").out)["plans"][0]
    assert plan["due_per_s"] == [50, 50]
    assert bench.runs() == []
