"""Load workers on other machines: one schedule, one clock, honest ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pyarrow.parquet as pq
import pytest
import zmq

from gatebench.execution.topology.ports import free_ports
from gatebench.schedule import share
from tests.e2e.bench_command import Bench, ended, events, wait_for
from tests.e2e.namespaces import ahead, two_machines

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TOKEN = "a-token-that-both-sides-know-0815"
S = 1_000_000_000
PATIENCE_S = 120


def here(bench: Bench, seconds: int = 3, rate: int = 100) -> Bench:
    """Write a scenario that forgives a busy machine, and give the token to whoever is called."""
    bench.scenario(
        "short",
        phases=f'phase("baseline", "{seconds}s")',
        load=f'poisson("{rate}/s")',
        objective="60000",
        checks='check("response_p50_ms", at_most=60000, phase="baseline", estimate="point")',
        more="dispatch_limit_ms=20000",
    )
    bench.env["GATEBENCH_JOIN_TOKEN"] = TOKEN
    return bench


def elsewhere(bench: Bench, *before: str) -> Bench:
    """Return another machine, more or less: a folder and an environment of its own."""
    folder = bench.folder / "elsewhere"
    folder.mkdir(exist_ok=True)
    return Bench(folder, {**bench.env, "TMPDIR": str(folder)}, before)


def run(bench: Bench, listen: str, workers: int, far: int, *more: str) -> subprocess.Popen[str]:
    """Start a run that waits for workers at `listen`."""
    words = ("--workers", str(workers), "--remote-workers", str(far), "--listen", listen, "--join-within", "100s")
    return bench.start("run", "short", "--target", "direct", *words, *more)


def place() -> str:
    """Return a free place on loopback."""
    return f"127.0.0.1:{free_ports(1)[0]}"


@contextlib.contextmanager
def all_ended(*processes: subprocess.Popen[str]) -> Iterator[None]:
    """Make sure of the end of every one."""
    with contextlib.ExitStack() as stack:
        for process in processes:
            stack.enter_context(ended(process))
        yield


def loading(bench: Bench, bytes_of: int) -> Path:
    """Wait until the load goes on and some rows of a worker are in the run folder; return the folder."""

    def there() -> Path | None:
        for path in bench.runs():
            part = path / "parts" / f"samples-{bytes_of}.arrow"
            if any(e["event"] == "load.started" for e in events(path)) and part.exists():
                return path if part.stat().st_size > 12_000 else None
        return None

    found = wait_for("rows from afar", there, PATIENCE_S)
    assert isinstance(found, Path)
    return found


def said(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end; return exit code and words."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def exactly_once(folder: Path) -> list[dict[str, Any]]:
    """Every arrival has one row, written by the worker whose share it is; the table is in order of time."""
    record = json.loads((folder / "run.json").read_text())
    load = record["plan"]["load"]
    rows: list[dict[str, Any]] = pq.read_table(folder / "samples.parquet").to_pylist()
    assert sorted(row["arrival_id"] for row in rows) == list(range(load["scheduled"]))
    for worker in range(load["workers"]):
        own = sorted(row["arrival_id"] for row in rows if row["worker"] == worker)
        assert own == share(range(load["scheduled"]), worker, load["workers"]).tolist()  # type: ignore[arg-type]
    due_ns = [row["due_ns"] for row in rows]
    assert due_ns == sorted(due_ns)
    return rows


@pytest.mark.parametrize(
    ("workers", "far"), [pytest.param(0, 1, marks=pytest.mark.slow), pytest.param(2, 1, marks=pytest.mark.slow), (1, 2)]
)
def test_every_arrival_has_one_row_wherever_it_was_sent(bench: Bench, workers: int, far: int) -> None:
    """Mixes of workers here and elsewhere share one schedule; strangers who knock on the port change nothing."""
    listen = place()
    other = elsewhere(here(bench))
    process = run(bench, listen, workers, far)
    guests = [other.start("worker", "--join", listen) for _ in range(far)]
    with all_ended(process, *guests), stranger(listen):
        code, out, err = said(process)
        assert code == 0, out + err
        assert [said(guest)[0] for guest in guests] == [0] * far
    folder = bench.newest()
    exactly_once(folder)
    record = json.loads((folder / "run.json").read_text())
    places = [worker["place"] for worker in record["workers"]]
    assert places == ["local"] * workers + ["remote"] * far
    assert all(worker["clock"]["same"] and worker["clock"]["error_ns"] == 0 for worker in record["workers"])
    assert any(finding["name"] == "clocks" and finding["status"] == "ok" for finding in found(folder)["validity"])


@contextlib.contextmanager
def stranger(listen: str) -> Iterator[None]:
    """Somebody who speaks Locust's protocol, knows no token, and then talks nonsense."""
    context = zmq.Context()
    sockets = []
    for name in ("mallory", "eve"):
        socket = context.socket(zmq.DEALER)
        socket.identity = name.encode()
        socket.linger = 0
        socket.connect(f"tcp://{listen}")
        for message in (
            ("client_ready", "2.47.0", name),
            ("gatebench-join", {"nonce": "n"}, name),
            ("gatebench-hello", {"proof": "p", "facts": {}}, name),
            ("gatebench-rows", {"offset": 0, "data": b"x"}, name),
            ("spawning_complete", {"user_classes_count": {"OpenLoad": 1}}, name),
            ("only", "two"),
            7,
        ):
            socket.send(msgpack.dumps(message))
        socket.send(b"\xc1 no such thing in msgpack")
        sockets.append(socket)
    try:
        yield
    finally:
        for socket in sockets:
            socket.close()
        context.term()


def found(folder: Path) -> dict[str, Any]:
    """Return the summary."""
    return dict(json.loads((folder / "summary.json").read_text()))


@pytest.mark.slow
@pytest.mark.parametrize("seconds_ahead", [0, 5000])
def test_two_machines_with_addresses_of_their_own(bench: Bench, seconds_ahead: int) -> None:
    """Over a cable between two network namespaces: guards and refusals first, then a run that passes, on one clock.

    Where the other machine's clock is ahead, the measured offset is wrong by no more than it says, and every aligned row
    agrees with what the provider here saw of it.
    """
    there = ahead(seconds_ahead) if seconds_ahead else ()
    with two_machines() as (one, two):
        here(bench).before = one.before
        other = elsewhere(bench, *two.before, *there)
        listen = f"{one.address}:5557"
        refused = bench("run", "short", "--target", "direct", "--remote-workers", "1", "--listen", listen)
        assert (refused.code, f"add --allow-remote {one.address}" in refused.err) == (2, True)
        process = run(bench, listen, 1, 1, "--allow-remote", one.address)
        with all_ended(process):
            wrong = Bench(other.folder, {**other.env, "GATEBENCH_JOIN_TOKEN": "another-token-altogether"}, other.before)
            denied = wrong("worker", "--join", listen, "--allow-remote", one.address)
            assert (denied.code, "does not know the token" in denied.err) == (2, True), denied.err
            surplus = other("worker", "--join", listen, "--header", "x-key=1")
            assert (surplus.code, "was given the header x-key" in surplus.err) == (2, True), surplus.err
            careful = other("worker", "--join", listen)
            assert (careful.code, f"Add --allow-remote {one.address}" in careful.err) == (2, True), careful.err
            guest = other("worker", "--join", listen, "--allow-remote", one.address)
            assert guest.code == 0, guest.err
            code, out, err = said(process)
            assert code == 0, out + err
    folder = bench.newest()
    rows = exactly_once(folder)
    record = json.loads((folder / "run.json").read_text())
    assert record["topology"]["links"]["front"].startswith(one.address)
    clock = record["workers"][1]["clock"]
    assert record["workers"][1]["place"] == "remote"
    assert clock["same"] == (seconds_ahead == 0)
    assert abs(clock["offset_ns"] - seconds_ahead * S) <= clock["error_ns"] < S
    assert (clock["error_ns"] > 0) == (seconds_ahead > 0)
    attempts = {row["request_id"]: row for row in pq.read_table(folder / "attempts.parquet").to_pylist()}
    far = [row for row in rows if row["worker"] == 1]
    assert len(far) == len(rows) // 2
    start_ns = record["clock"]["load_start_ns"]
    for row in far:
        attempt = attempts[row["request_id"]]
        assert row["due_ns"] >= start_ns - clock["error_ns"] - abs(clock["drift_ns"])
        assert row["sent_ns"] - clock["error_ns"] <= attempt["arrived_ns"]
        assert attempt["arrived_ns"] <= row["first_byte_ns"] + clock["error_ns"]
    assert not any(TOKEN.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert "Load workers" in (folder / "report.html").read_text()
    assert not any(path.is_file() for path in other.folder.rglob("*"))  # nothing stays on the other machine


def test_a_killed_guest_makes_the_run_invalid(bench: Bench) -> None:
    """kill -9 on the other machine: exit 3, the worker is named, its rows up to the last second are here, the others' all."""
    listen = place()
    other = elsewhere(here(bench, seconds=8))
    process, guest = run(bench, listen, 1, 1), other.start("worker", "--join", listen)
    with all_ended(process, guest):
        folder = loading(bench, 1)
        guest.kill()
        code, out, err = said(process)
        assert code == 3, out + err
    reasons = " ".join(found(folder)["reasons"])
    assert "load-1 was lost (nothing was heard from it for 5 s)" in reasons
    assert "has no row" in reasons or "have no row" in reasons
    rows = pq.read_table(folder / "samples.parquet").to_pylist()
    ids = [row["arrival_id"] for row in rows]
    assert len(ids) == len(set(ids))
    scheduled = json.loads((folder / "run.json").read_text())["plan"]["load"]["scheduled"]
    assert sorted(i for i in ids if i % 2 == 0) == list(range(0, scheduled, 2))
    assert 0 < sum(i % 2 for i in ids) < scheduled // 2


@pytest.mark.slow
def test_a_guest_that_leaves_makes_the_run_invalid(bench: Bench) -> None:
    """Ctrl-C on the other machine: it says so, hands over what it has, and the run does not pass as whole."""
    listen = place()
    other = elsewhere(here(bench, seconds=8))
    process, guest = run(bench, listen, 1, 1), other.start("worker", "--join", listen)
    with all_ended(process, guest):
        folder = loading(bench, 1)
        guest.send_signal(signal.SIGINT)
        assert said(guest)[0] == 130
        code, out, err = said(process)
        assert code == 3, out + err
    assert "it was stopped on its own machine" in " ".join(found(folder)["reasons"])
    rows = pq.read_table(folder / "samples.parquet").to_pylist()
    assert len({row["arrival_id"] for row in rows}) == len(rows)
    assert {row["worker"] for row in rows} == {0, 1}


@pytest.mark.parametrize(
    "victim",
    ["bench run", pytest.param("master", marks=pytest.mark.slow), pytest.param("Ctrl-C", marks=pytest.mark.slow)],
)
def test_a_guest_never_outlives_its_master(bench: Bench, victim: str) -> None:
    """However the run ends, in the middle of a load of ten minutes: the guest sends nothing more and is gone."""
    listen = place()
    other = elsewhere(here(bench, seconds=600, rate=60))
    process, guest = run(bench, listen, 1, 1), other.start("worker", "--join", listen)
    with all_ended(process, guest):
        folder = loading(bench, 1)
        if victim == "bench run":
            process.kill()
        elif victim == "master":
            pids = json.loads((folder / "run.json").read_text())["topology"]["workers"]
            os.kill(pids["load-master"], signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGINT)
        code, _, err = said(guest)
        assert code == (0 if victim == "Ctrl-C" else 5) or (victim == "bench run" and code in (0, 5)), err
        assert "requests sent" in err
        if victim == "master":
            wait_for("word of it", lambda: [e for e in events(folder) if e["event"] == "load.worker_lost"], PATIENCE_S)
            os.killpg(process.pid, signal.SIGINT)
        if victim != "bench run":
            assert said(process)[0] == 130
            assert found(folder)["status"] == "interrupted"


@pytest.mark.slow
def test_nobody_comes(bench: Bench) -> None:
    """Patience ends: exit 5, where they were waited for, nothing left."""
    listen = place()
    words = ("--remote-workers", "1", "--listen", listen, "--join-within", "1s")
    done = here(bench)("run", "short", "--target", "direct", *words)
    assert done.code == 5
    assert f"1 of 1 remote workers did not join at {listen} within 1 s" in done.err
    lonely = elsewhere(bench)("worker", "--join", listen, "--within", "1s")
    assert (lonely.code, "No master answered" in lonely.err) == (5, True)


def test_bad_words_are_all_answered(bench: Bench) -> None:
    """Every problem at once, exit 2, and no token means no knocking."""
    words = ("--workers", "0", "--remote-workers", "0", "--listen", "nowhere", "--join-within", "soon")
    done = here(bench)("run", "short", "--target", "direct", *words)
    assert done.code == 2
    for where in ("--workers 0", "--listen nowhere", "--join-within soon"):
        assert where in done.err
    other = elsewhere(bench)
    other.env.pop("GATEBENCH_JOIN_TOKEN")
    done = other("worker", "--join", "nowhere", "--within", "soon", "--header", "odd")
    assert done.code == 2
    for where in ("--join nowhere", "--within soon", "--header odd", "GATEBENCH_JOIN_TOKEN"):
        assert where in done.err
