"""The parent's side, with children that are only pipes."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from gatebench.alignment import Alignment
from gatebench.errors import ConfigurationError, EnvironmentFailure
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.engine import LoadEngine, LoadState, LostProcess
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint
from gatebench.run.folder import RunFolder, WorkerRecord
from tests.execution.load.plans import load_plan

SECRET = "Bearer hush-hush"


class FakeChild:
    """A child that the test plays: it speaks with `says` and dies with `ends`."""

    def __init__(self, name: str, pid: int, log: Path) -> None:
        self.name = name
        self.pid = pid
        self.exit_code: int | None = None
        self.log = log
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        self.stdin: IO[bytes] | None = os.fdopen(in_write, "wb", buffering=0)
        self.stdout: IO[bytes] | None = os.fdopen(out_read, "rb")
        self._hears = os.fdopen(in_read, "rb")
        self._mouth = os.fdopen(out_write, "wb", buffering=0)

    def poll(self) -> int | None:
        return self.exit_code

    def says(self, **message: Any) -> None:
        self._mouth.write(json.dumps(message).encode() + b"\n")

    def ends(self, exit_code: int = 0) -> None:
        self._mouth.close()
        self.exit_code = exit_code

    def heard(self) -> dict[str, Any]:
        return dict(json.loads(self._hears.readline()))

    def close(self) -> None:
        for end in (self._hears, self._mouth):
            end.close()


class FakeProcesses:
    """Starts fake children and keeps what they were started with."""

    def __init__(self) -> None:
        self.children: dict[str, FakeChild] = {}
        self.argv: dict[str, Sequence[str]] = {}

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path,
        pipes: bool = False,
    ) -> FakeChild:
        assert pipes
        self.argv[name] = argv
        self.children[name] = FakeChild(name, 1000 + len(self.children), log)
        return self.children[name]


@pytest.fixture
def processes() -> Iterator[FakeProcesses]:
    """Children that are closed when the test is over."""
    made = FakeProcesses()
    yield made
    for child in made.children.values():
        if child.exit_code is None:
            child.ends()
        child.close()


def make_engine(processes: FakeProcesses, root: Path, workers: int, **headers: str) -> LoadEngine:
    """Return an engine that was started towards 127.0.0.1:8080."""
    plan = load_plan(workers=workers)
    engine = LoadEngine(plan, RunFolder.create(root, plan), processes, Secrets(headers))
    engine.start({"target": Endpoint(host="127.0.0.1", port=8080)})
    return engine


def wait_for(engine: LoadEngine, **expected: object) -> LoadState:
    """Poll until the state has what is expected; the listening threads need a moment."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        state = engine.poll()
        if all(getattr(state, name) == value for name, value in expected.items()):
            return state
        time.sleep(0.005)
    raise AssertionError(engine.poll())


def progress(worker: int, sent: int) -> dict[str, Any]:
    """Return a progress line."""
    return {"worker": worker, "sent": sent, "done": sent, "in_flight": 0, "ok": sent, "bad": 0, "p50_ms": 1.0 + worker}


def test_one_worker_is_one_process(processes: FakeProcesses, tmp_path: Path) -> None:
    """One local process gets headers, then zero, then stop; its config names its files and holds no header."""
    engine = make_engine(processes, tmp_path, 1, authorization=SECRET)
    assert list(processes.children) == ["load-0"]
    child = processes.children["load-0"]
    argv = processes.argv["load-0"]
    assert list(argv[:3]) == [sys.executable, "-m", "gatebench.execution.load.worker"]
    config = WorkerConfig.read(Path(argv[3]))
    assert (config.role, config.endpoints) == ("local", {"target": Endpoint(host="127.0.0.1", port=8080)})
    assert config.stream_path is not None
    assert (config.stream_path.parent.name, config.stream_path.name) == ("parts", "samples-0.arrow")
    assert SECRET not in Path(argv[3]).read_text()
    assert child.heard() == {"headers": {"authorization": SECRET}, "keys": []}
    child.says(ready=True, pid=1)
    engine.wait_ready(30)
    assert engine.pids() == {"load-0": 1000}
    engine.begin(12345)
    assert child.heard() == {"t0_ns": 12345}
    child.says(progress=progress(0, 10))
    state = wait_for(engine, sent=10)
    assert (state.finished, state.lost, state.p50_ms) == (False, (), 1.0)
    child.says(finished={"rows": 10})
    child.ends()
    assert engine.wait_finished(30) == LoadState(finished=True, sent=10, done=10, ok=10, p50_ms=1.0)
    assert engine.pids() == {}
    (alone,) = engine.records()
    assert (alone.worker, alone.place, alone.clock.same, alone.differs) == (0, "local", True, [])
    assert alone.python


def test_three_workers_have_a_master(processes: FakeProcesses, tmp_path: Path) -> None:
    """The master's port goes to the workers, zero goes to the master, and the master is sent home last."""
    engine = make_engine(processes, tmp_path, 3)
    master, *workers = processes.children.values()
    assert list(processes.children) == ["load-master", "load-0", "load-1", "load-2"]
    master.says(master_port=4711)
    for child in (master, *workers):
        child.says(ready=True, pid=1)
    engine.wait_ready(30)
    first = master.heard()
    assert first == {"headers": {}, "keys": [], "join_token": first["join_token"]}
    assert len(first["join_token"]) == 32
    for child in workers:
        assert child.heard() == first
        assert child.heard() == {"master_port": 4711}
    engine.begin(7)
    assert master.heard() == {"t0_ns": 7}
    for number, child in enumerate(workers):
        child.says(progress=progress(number, 10))
        child.says(finished={})
        child.ends()
    state = wait_for(engine, finished=True, sent=30)
    assert (state.p50_ms, state.lost) == (3.0, ())
    master.says(finished={})
    master.ends()
    engine.stop()
    assert engine.poll().lost == ()


@pytest.mark.parametrize(("last_words", "exit_code"), [(False, -9), (True, 1), (False, 0)])
def test_a_worker_that_goes_away_is_lost(
    processes: FakeProcesses, tmp_path: Path, last_words: bool, exit_code: int
) -> None:
    """Killed, failed, or gone without a word: the worker is lost, and the others go on."""
    engine = make_engine(processes, tmp_path, 2)
    master, gone, stays = processes.children.values()
    master.says(master_port=4711)
    for child in (master, gone, stays):
        child.says(ready=True, pid=1)
    engine.wait_ready(30)
    if last_words:
        gone.says(finished={})
    gone.ends(exit_code)
    state = engine.poll()
    assert state.lost == (LostProcess("load-0", 1001, exit_code),)
    assert not state.finished
    stays.says(finished={})
    stays.ends()
    assert wait_for(engine, finished=True).lost == state.lost
    master.ends()


def test_a_child_that_dies_before_it_is_ready_is_shown_with_its_log(processes: FakeProcesses, tmp_path: Path) -> None:
    """The failure names the child, its exit code and its last lines."""
    engine = make_engine(processes, tmp_path, 1)
    child = processes.children["load-0"]
    child.log.write_text("ImportError: no module named locust\n")
    child.ends(1)
    with pytest.raises(EnvironmentFailure, match="load-0 ended with exit code 1 before it was ready") as failure:
        engine.wait_ready(30)
    assert failure.value.log_tail == ("ImportError: no module named locust",)


def test_a_child_that_takes_too_long(processes: FakeProcesses, tmp_path: Path) -> None:
    """A child that is never ready is named when the time is up."""
    engine = make_engine(processes, tmp_path, 1)
    with pytest.raises(EnvironmentFailure, match=r"load-0 was not ready within 0\.05 s"):
        engine.wait_ready(0.05)


def test_stop_is_harmless_at_any_time(processes: FakeProcesses, tmp_path: Path) -> None:
    """Before the start, twice, and when the child is gone with its pipe."""
    plan = load_plan()
    engine = LoadEngine(plan, RunFolder.create(tmp_path, plan), processes, Secrets({}))
    engine.stop()
    assert engine.poll() == LoadState()
    engine.start({"target": Endpoint(host="127.0.0.1", port=8080)})
    child = processes.children["load-0"]
    child.ends()
    child.close()
    engine.stop()
    engine.stop()


def test_words_that_are_none_are_passed_over(processes: FakeProcesses, tmp_path: Path) -> None:
    """A library that prints into the pipe does no harm."""
    engine = make_engine(processes, tmp_path, 1)
    child = processes.children["load-0"]
    child._mouth.write(b"a library says hello\n[1, 2]\n" + b"x" * 200_000 + b"\n")
    child.says(progress=progress(0, 3))
    wait_for(engine, sent=3)


def test_headers_that_cannot_be_sent_are_refused_at_once(processes: FakeProcesses, tmp_path: Path) -> None:
    """Every bad header is named before anything starts."""
    plan = load_plan()
    with pytest.raises(ConfigurationError) as refusal:
        LoadEngine(plan, RunFolder.create(tmp_path, plan), processes, Secrets({"a b": "1", "x": "1\n2"}))
    assert len(refusal.value.problems) == 2
    assert not processes.children


def far_engine(processes: FakeProcesses, root: Path, *, within_s: float = 60.0) -> tuple[LoadEngine, FakeChild]:
    """Return a started engine with one worker here and one elsewhere, and its master."""
    plan = load_plan(workers=2)
    far = {"remote_workers": 1, "listen": "127.0.0.1:5557", "join_within_s": within_s}
    plan = plan.model_copy(update={"load": plan.load.model_copy(update=far)})
    engine = LoadEngine(plan, RunFolder.create(root, plan), processes, Secrets(), join_token="t" * 16)
    engine.start({"target": Endpoint(host="127.0.0.1", port=8080)})
    return engine, processes.children["load-master"]


def record(worker: int) -> dict[str, Any]:
    """Return what a master says of a worker that is ready."""
    return WorkerRecord(worker=worker, place="remote", clock=Alignment(same=True)).model_dump(mode="json")


def test_a_worker_elsewhere_is_heard_of_through_the_master(processes: FakeProcesses, tmp_path: Path) -> None:
    """Its progress counts, its end ends the load, its record is kept, and no process id of another machine is ours."""
    engine, master = far_engine(processes, tmp_path)
    here = processes.children["load-0"]
    assert list(processes.children) == ["load-master", "load-0"]
    assert master.heard()["join_token"] == "t" * 16
    master.says(master_port=4711)
    master.says(joined=1)
    for worker in (0, 1):
        master.says(record=record(worker))
    for child in (master, here):
        child.says(ready=True, pid=1)
    engine.wait_ready(30)
    master.says(remote={"worker": 1, "progress": progress(1, 10)})
    here.says(progress=progress(0, 5))
    wait_for(engine, sent=15, finished=False)
    assert [found.worker for found in engine.records()] == [0, 1]
    assert set(engine.pids()) == {"load-master", "load-0"}
    here.says(finished={})
    here.ends()
    wait_for(engine, finished=False, lost=())
    master.says(remote={"worker": 1, "finished": {}})
    wait_for(engine, finished=True, lost=())


def test_a_worker_elsewhere_that_falls_silent_is_lost(processes: FakeProcesses, tmp_path: Path) -> None:
    """Its master says why; when the master goes too, that is the reason of whoever had not ended."""
    engine, master = far_engine(processes, tmp_path)
    master.says(remote={"worker": 1, "lost": "nothing was heard from it"})
    state = wait_for(engine, lost=(LostProcess("load-1", 0, None, "nothing was heard from it"),))
    assert not state.finished
    other, master = far_engine(FakeProcesses(), tmp_path)
    master.ends(-9)
    wait_for(other, lost=(LostProcess("load-master", 1000, -9), LostProcess("load-1", 0, None, "its master is gone")))
    for child in (master, *other._workers):
        getattr(child, "close", lambda: None)()


def test_workers_that_do_not_come_are_named(processes: FakeProcesses, tmp_path: Path) -> None:
    """Patience has an end, which says where they were waited for and why others were sent away."""
    engine, master = far_engine(processes, tmp_path, within_s=0.1)
    master.says(master_port=4711)
    master.says(refused="The worker does not know the token of this run.")
    deadline_s = time.monotonic() + 30
    while not engine._master or not engine._master.refusals:
        assert time.monotonic() < deadline_s
        time.sleep(0.005)
    with pytest.raises(EnvironmentFailure) as raised:
        engine.wait_ready(0.1)
    assert "1 of 1 remote workers did not join at 127.0.0.1:5557 within 0.1 s" in raised.value.what
    assert raised.value.log_tail == ("The worker does not know the token of this run.",)
    processes.children["load-0"].ends()
    began_s = time.monotonic()
    master.ends()
    engine.stop()  # who never came is not waited for
    assert time.monotonic() - began_s < 30


def test_a_worker_elsewhere_that_leaves_before_the_load_ends_the_run(processes: FakeProcesses, tmp_path: Path) -> None:
    """Its user stood already, and then it was gone: nobody waits for the load of a worker that will not come back."""
    engine, master = far_engine(processes, tmp_path)
    master.says(master_port=4711)
    master.says(remote={"worker": 1, "lost": "it was stopped on its own machine"})
    with pytest.raises(EnvironmentFailure, match="load-1 was lost before the load began: it was stopped on its own"):
        engine.wait_ready(30)
