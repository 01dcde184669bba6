"""Whatever a run starts ends with it: normally, by signal, and when harness or guardian are killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gatebench.errors import EnvironmentFailure
from gatebench.execution.topology import guardian
from gatebench.execution.topology.guardian import descendants
from gatebench.execution.topology.supervisor import RUN_MARK, Supervisor

pytestmark = pytest.mark.e2e

# A gateway that does not notice: it ignores SIGTERM, and its worker has a session of its own and outlives it.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(300)
    os._exit(0)
print("up", flush=True)
time.sleep(300)
"""
HARNESS = """
import sys, time
from pathlib import Path
from gatebench.execution.topology.supervisor import Supervisor
supervisor = Supervisor(sys.argv[1])
supervisor.arm("heal", 300, [("DELETE", sys.argv[2], "")])
supervisor.start("gateway", [sys.executable, "-c", sys.argv[3]], log=Path(sys.argv[4]))
print("ready", flush=True)
time.sleep(300)
"""


def marked(token: str) -> set[int]:
    """Every live process that carries the mark of a run."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{RUN_MARK}={token}".encode() in path.read_bytes().split(b"\0"):
                found.add(int(path.parent.name))
    return found


def wait_for(what: str, condition: object, within_s: float = 10.0) -> None:
    """Wait until `condition()`; bounded."""
    deadline = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]  # any callable
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def requests_seen() -> Iterator[tuple[str, list[str]]]:
    """A server that notes what it is asked, standing in for somebody else's Toxiproxy."""
    seen: list[str] = []

    class Note(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            seen.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Note)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/proxies/x", seen
    server.shutdown()
    thread.join()
    server.server_close()


def start_stubborn(supervisor: Supervisor, tmp_path: Path) -> None:
    """Start the gateway that does not notice, and wait until its tree stands."""
    log = tmp_path / "gateway.log"
    supervisor.start("gateway", [sys.executable, "-c", STUBBORN], log=log)
    wait_for("the gateway is up", lambda: log.exists() and "up" in log.read_text())


def test_close_ends_a_tree_that_ignores_sigterm_and_daemonises(tmp_path: Path) -> None:
    """SIGKILL reaches the worker that left its session and its parent."""
    with Supervisor("aaaa0001") as supervisor:
        start_stubborn(supervisor, tmp_path)
        assert len(marked("aaaa0001")) >= 2
    assert supervisor.survivors == []
    assert marked("aaaa0001") == set()


def test_stop_ends_one_tree_and_leaves_the_others(tmp_path: Path) -> None:
    """A gateway is taken down while providers go on."""
    with Supervisor("aaaa0002") as supervisor:
        first = supervisor.start("first", ["sleep", "300"], log=tmp_path / "1.log")
        second = supervisor.start("second", ["sleep", "300"], log=tmp_path / "2.log")
        supervisor.stop([first])
        wait_for("the exit is reported", lambda: first.poll() is not None)
        assert first.poll() == -signal.SIGTERM
        assert second.poll() is None
    assert marked("aaaa0002") == set()


def test_a_stopped_process_is_ended_too(tmp_path: Path) -> None:
    """SIGSTOP does not protect from the guardian."""
    with Supervisor("aaaa0003") as supervisor:
        child = supervisor.start("frozen", ["sleep", "300"], log=tmp_path / "1.log")
        os.kill(child.pid, signal.SIGSTOP)
    assert marked("aaaa0003") == set()


def test_sigkill_of_the_harness_heals_and_ends_everything(tmp_path: Path, requests_seen: tuple[str, list[str]]) -> None:
    """The guardian makes the armed requests, then nothing of the run is left."""
    url, seen = requests_seen
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, "aaaa0004", url, STUBBORN, str(tmp_path / "g.log")], stdout=subprocess.PIPE
    )
    assert harness.stdout is not None
    assert harness.stdout.readline() == b"ready\n"
    wait_for("the gateway is up", lambda: "up" in (tmp_path / "g.log").read_text())
    harness.kill()
    harness.wait()
    harness.stdout.close()
    wait_for("everything is gone", lambda: not marked("aaaa0004"))
    assert seen == ["/proxies/x"]


def test_sigkill_of_the_guardian_leaves_nothing_either(tmp_path: Path) -> None:
    """Its children die with it, its orphans come to the harness, and close() ends them."""
    supervisor = Supervisor("aaaa0005")
    start_stubborn(supervisor, tmp_path)
    os.kill(supervisor.guardian_pid, signal.SIGKILL)
    supervisor.close()
    assert supervisor.survivors == []
    assert marked("aaaa0005") == set()
    with pytest.raises(EnvironmentFailure, match="guardian process is gone"):
        supervisor.start("late", ["sleep", "1"], log=tmp_path / "late.log")


def test_an_armed_request_is_made_in_time_and_a_disarmed_one_never(
    tmp_path: Path, requests_seen: tuple[str, list[str]]
) -> None:
    """The watchdog of faults on servers that know no time to live."""
    url, seen = requests_seen
    with Supervisor("aaaa0006") as supervisor:
        supervisor.arm("late", 0.05, [("DELETE", url + "/late", "")])
        supervisor.arm("never", 60, [("DELETE", url + "/never", "")])
        supervisor.disarm("never")
        wait_for("the armed request", lambda: seen)
        done = supervisor.start("done", ["true"], log=tmp_path / "t.log")
        wait_for("the exit", lambda: done.poll() is not None)
    assert seen == ["/proxies/x/late"]


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """EnvironmentFailure with the program's name."""
    with (
        Supervisor("aaaa0007") as supervisor,
        pytest.raises(EnvironmentFailure, match=r"No such file.*no-such-gateway"),
    ):
        supervisor.start("gateway", ["/no-such-gateway"], log=tmp_path / "g.log")


def test_a_process_that_dies_before_it_is_ready_shows_its_last_words(tmp_path: Path) -> None:
    """The log's tail travels with the failure."""
    with Supervisor("aaaa0008") as supervisor:
        child = supervisor.start("gateway", ["sh", "-c", "echo config broken >&2; exit 3"], log=tmp_path / "g.log")
        with pytest.raises(EnvironmentFailure, match="exit code 3 before it was ready") as caught:
            supervisor.wait_until(child, lambda: False, 5.0, "never")
    assert caught.value.log_tail == ("config broken",)


def test_an_unexpected_end_is_reported_and_an_expected_one_is_not(tmp_path: Path) -> None:
    """So that a provider that dies in the middle of a run is noticed."""
    ended: list[str] = []
    with Supervisor("aaaa0009", lambda child: ended.append(child.name)) as supervisor:
        supervisor.start("dies", ["true"], log=tmp_path / "1.log")
        supervisor.start("stays", ["sleep", "300"], log=tmp_path / "2.log")
        wait_for("the notice", lambda: ended)
    assert ended == ["dies"]


def test_pipes_reach_the_child(tmp_path: Path) -> None:
    """Workers are spoken to on stdin and answer on stdout."""
    with Supervisor("aaaa0010") as supervisor:
        child = supervisor.start("cat", ["cat"], log=tmp_path / "c.log", pipes=True)
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"hello\n")
        assert child.stdout.readline() == b"hello\n"


def test_descendants_sees_children_and_grandchildren() -> None:
    """The process tree below this test holds what it started."""
    child = subprocess.Popen(["sh", "-c", "sleep 300 & wait"])
    try:
        wait_for("the grandchild", lambda: len(descendants(child.pid)) == 1)
        assert child.pid in descendants(os.getpid())
    finally:
        for pid in [*descendants(child.pid), child.pid]:
            os.kill(pid, signal.SIGKILL)
        child.wait()


def standing_still(pid: int) -> bool:
    """Whether a process is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_paused_tree_goes_on_by_itself(tmp_path: Path) -> None:
    """The process and its worker stand still together; after its time to live the guardian lets both go on, unasked."""
    with Supervisor("0badcafe") as supervisor:
        program = "import os, time\nos.fork()\ntime.sleep(300)"
        child = supervisor.start("two", [sys.executable, "-c", program], log=tmp_path / "log")
        wait_for("its worker", lambda: len(descendants(child.pid)) == 1)
        tree = [child.pid, *descendants(child.pid)]
        supervisor.pause([child], 3.0)
        wait_for("the pause", lambda: all(standing_still(pid) for pid in tree))
        wait_for("its end", lambda: not any(standing_still(pid) for pid in tree), 10)
        supervisor.pause([child], 300)
        wait_for("the pause", lambda: all(standing_still(pid) for pid in tree))
        supervisor.resume([child])
        wait_for("going on", lambda: not any(standing_still(pid) for pid in tree), 5)
        assert child.poll() is None


def test_a_kill_is_without_a_word_and_no_accident(tmp_path: Path) -> None:
    """SIGKILL to all of the tree; nobody is told that a process ended by itself."""
    accidents: list[str] = []
    with Supervisor("0badcafe", lambda child: accidents.append(child.name)) as supervisor:
        child = supervisor.start("stubborn", [sys.executable, "-c", STUBBORN], log=tmp_path / "log")
        wait_for("its start", lambda: "up" in (tmp_path / "log").read_text())
        supervisor.kill([child])
        assert child.poll() == -signal.SIGKILL
        supervisor.kill([child])
    assert accidents == []


def test_a_paused_process_ends_with_the_run(tmp_path: Path) -> None:
    """Whoever stands still is ended like the others."""
    with Supervisor("0badcafe") as supervisor:
        child = supervisor.start("still", [sys.executable, "-c", "import time; time.sleep(300)"], log=tmp_path / "log")
        supervisor.pause([child], 300)
        wait_for("the pause", lambda: standing_still(child.pid))
    wait_for("its end", lambda: not Path(f"/proc/{child.pid}").exists(), 5)
    assert supervisor.survivors == []


def test_who_forks_and_ends_while_one_looks_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its child was not there when the reading began, so that nobody is left only when two looks say so."""
    looks: list[list[int]] = [[], [7], [], []]
    monkeypatch.setattr(guardian, "descendants", lambda root: looks.pop(0))
    assert guardian.left_behind(1) == [7]
    assert guardian.left_behind(1) == []


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(300)"


def test_who_takes_his_time_to_end_delays_nobody(tmp_path: Path, requests_seen: tuple[str, list[str]]) -> None:
    """A process is given thirty seconds to end; what is due meanwhile happens when it is due."""
    url, seen = requests_seen
    with Supervisor("aaaa0011") as supervisor:
        deaf = supervisor.start("deaf", [sys.executable, "-c", DEAF], log=tmp_path / "d.log")
        wait_for("its start", lambda: "up" in (tmp_path / "d.log").read_text())
        supervisor.arm("heal", 0.5, [("DELETE", url + "/heal", "")])
        stopping = Thread(target=supervisor.stop, args=([deaf], 30.0))
        stopping.start()
        wait_for("the healing", lambda: seen, 10.0)
        assert deaf.poll() is None
        os.kill(deaf.pid, signal.SIGKILL)
        stopping.join()


def test_nobody_is_given_time_when_the_harness_is_dead(tmp_path: Path) -> None:
    """SIGKILL while a process may take a minute to end: it is gone at once."""
    words = DEAF_HARNESS.format(deaf=DEAF, log=str(tmp_path / "d.log"))
    harness = subprocess.Popen([sys.executable, "-c", words])
    wait_for("its start", lambda: (tmp_path / "d.log").exists() and "up" in (tmp_path / "d.log").read_text())
    time.sleep(0.5)  # it is being stopped by now
    harness.kill()
    harness.wait()
    wait_for("everything is gone", lambda: not marked("aaaa0012"), 5.0)


DEAF_HARNESS = """
import sys
from pathlib import Path
from gatebench.execution.topology.supervisor import Supervisor
supervisor = Supervisor("aaaa0012")
log = Path({log!r})
child = supervisor.start("deaf", [sys.executable, "-c", {deaf!r}], log=log)
while "up" not in log.read_text():
    pass
supervisor.stop([child], 60.0)
"""
