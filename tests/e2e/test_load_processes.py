"""The load with real processes: books that balance, and an orderly or at least honest end in every case."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from gatebench.execution.load.engine import LostProcess
from gatebench.execution.topology.ports import free_ports
from gatebench.stamp import KINDS
from tests.execution.load.plans import load_plan
from tests.execution.load.running import PATIENCE_S, Running, running
from tests.execution.load.steady import SteadyServer

pytestmark = pytest.mark.e2e

SECRET = "Bearer hush-hush-4711"
S = 1_000_000_000


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_every_arrival_is_on_the_wire_once_and_in_the_books_once(tmp_path: Path, workers: int) -> None:
    """Rows, schedule and the server's count agree to the last request; headers arrive and their values are written nowhere."""
    plan = load_plan(rate="500/s", duration_s=2, warmup_s=0.5, arrivals="poisson", workers=workers)
    scheduled = plan.load.scheduled
    with SteadyServer() as server, running(plan, tmp_path, server.port, authorization=SECRET) as load:
        load.begin()
        state = load.finish()
        assert (state.sent, state.ok, state.bad, state.in_flight, state.lost) == (scheduled, scheduled, 0, 0, ())
        assert set(load.exit_codes().values()) == {0}
        rows = load.rows()
        assert Counter((row["outcome"], row["cause"]) for row in rows) == {("ok", ""): scheduled}
        assert sorted(row["arrival_id"] for row in rows) == list(range(scheduled))
        seen = sorted((found.arrival_id, KINDS[found.kind]) for found in server.ids)
        assert seen == sorted((row["arrival_id"], KINDS[row["kind"]]) for row in rows)
        due_ns = plan.schedule().due_ns.tolist()
        for row in rows:
            assert row["due_ns"] == load.t0_ns + due_ns[row["arrival_id"]]
            assert row["due_ns"] <= row["sent_ns"] <= row["first_byte_ns"] <= row["done_ns"]
            assert (KINDS[row["kind"]] == "warmup") == (row["phase"] == 0) == (row["due_ns"] - load.t0_ns < S // 2)
        for worker in range(workers):
            facts = load.facts(worker)
            assert load.tail(worker).complete
            assert load.tail(worker).facts["worker"] == worker
            assert facts["stopped_ns"] is None
            assert facts["scheduled_share"] == facts["rows"] == facts["sent"]
            assert facts["resend_check"]["requests_written"] == facts["sent"]
            assert 0 < facts["cpu_share"] < 1.5
            assert facts["locust_version"]
        assert all(SECRET.encode() in head for head in server.heads)
        written = [path.read_bytes() for path in load.folder.path.rglob("*") if path.is_file()]
        assert not any(SECRET.encode() in content for content in written)


def stop_by_engine(load: Running) -> None:
    """The way of Ctrl-C and of stop conditions."""
    load.engine.stop()


def stop_by_sigterm(load: Running) -> None:
    """The way of whoever ends a process tree politely."""
    for child in load.processes.children.values():
        os.kill(child.pid, signal.SIGTERM)


def stop_by_end_of_stdin(load: Running) -> None:
    """What a load process sees when its parent dies."""
    for child in load.processes.children.values():
        assert child.stdin is not None
        child.stdin.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stop", [stop_by_engine, stop_by_sigterm, stop_by_end_of_stdin])
def test_a_stopped_load_ends_in_order(tmp_path: Path, stop: object, workers: int) -> None:
    """However it is stopped: exit code 0, whole streams, a row for each arrival due until the stop and none after it."""
    assert callable(stop)
    plan = load_plan(rate="200/s", duration_s=600, workers=workers)
    due_ns = plan.schedule().due_ns.tolist()
    with SteadyServer() as server, running(plan, tmp_path, server.port) as load:
        load.begin()
        load.sleep_until(1.0)
        stop(load)
        state = load.finish()
        assert state.lost == ()
        assert set(load.exit_codes().values()) == {0}
        rows = load.rows()
        assert {row["outcome"] for row in rows} <= {"ok", "unsent", "in_flight"}
        for worker in range(workers):
            stopped_ns = load.facts(worker)["stopped_ns"]
            assert load.tail(worker).complete
            own = sorted(row["arrival_id"] for row in rows if row["arrival_id"] % workers == worker)
            share = range(worker, len(due_ns), workers)
            assert own == [arrival for arrival in share if load.t0_ns + due_ns[arrival] <= stopped_ns]
        sent = {row["arrival_id"] for row in rows if row["outcome"] != "unsent"}
        assert {found.arrival_id for found in server.ids} == sent
        assert len(server.ids) == len(sent)


def test_a_load_that_is_stopped_before_it_began_ends_in_order(tmp_path: Path) -> None:
    """Ready, but never begun: no rows, whole streams, exit code 0."""
    with SteadyServer() as server, running(load_plan(workers=2), tmp_path, server.port) as load:
        load.engine.stop()
        assert set(load.exit_codes().values()) == {0}
        assert load.rows() == []
        assert all(load.tail(worker).complete for worker in range(2))
        assert load.facts(0)["t0_ns"] is None
        assert server.heads == []


def test_a_killed_worker_is_lost_and_its_flushed_rows_are_not(tmp_path: Path) -> None:
    """SIGKILL of one worker: it is reported with its signal, the other sends its whole share, and old rows are readable."""
    plan = load_plan(rate="200/s", duration_s=8, workers=2)
    with SteadyServer() as server, running(plan, tmp_path, server.port) as load:
        load.begin()
        load.sleep_until(4.0)
        victim = load.processes.children["load-1"].pid
        os.kill(victim, signal.SIGKILL)
        state = load.finish()
        assert state.lost == (LostProcess("load-1", victim, -signal.SIGKILL),)
        assert load.tail(0).complete
        assert not load.tail(1).complete
        rows = load.rows()
        share = [row["arrival_id"] for row in rows if row["arrival_id"] % 2 == 1]
        assert len(share) == len(set(share)) < 800
        # Rows are flushed each second; 2 s of slack for a busy machine.
        assert set(range(1, 200, 2)) <= set(share)
        assert sorted(row["arrival_id"] for row in rows if row["arrival_id"] % 2 == 0) == list(range(0, 1600, 2))


def test_workers_go_on_without_their_master(tmp_path: Path) -> None:
    """The master only starts the walk: killed afterwards it is reported, and every arrival is still sent."""
    plan = load_plan(rate="100/s", duration_s=3, workers=2)
    with SteadyServer() as server, running(plan, tmp_path, server.port) as load:
        load.begin()
        load.sleep_until(1.0)
        os.kill(load.processes.children["load-master"].pid, signal.SIGKILL)
        state = load.finish()
        assert [lost.name for lost in state.lost] == ["load-master"]
        assert sorted(row["arrival_id"] for row in load.rows()) == list(range(300))


def test_nobody_listens(tmp_path: Path) -> None:
    """A target that is not there costs no arrival its row: all are refused, when they were due."""
    port = free_ports(1)[0]
    with running(load_plan(rate="200/s", duration_s=1), tmp_path, port) as load:
        load.begin()
        state = load.finish()
        assert (state.sent, state.bad) == (200, 200)
        assert Counter((row["outcome"], row["cause"]) for row in load.rows()) == {("error", "refused"): 200}
        assert load.facts(0)["resend_check"]["requests_written"] == 0


def test_progress_is_heard_while_it_goes(tmp_path: Path) -> None:
    """The parent sees counts and percentiles while the load runs."""
    with SteadyServer() as server, running(load_plan(rate="200/s", duration_s=600), tmp_path, server.port) as load:
        load.begin()
        deadline_s = time.monotonic() + PATIENCE_S
        while load.engine.poll().rate_per_s is None:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        state = load.engine.poll()
        assert state.sent >= state.done > 0
        assert state.p50_ms is not None
        assert state.late_p99_ms is not None
        assert not state.finished
        assert load.engine.pids() == {"load-0": load.processes.children["load-0"].pid}
