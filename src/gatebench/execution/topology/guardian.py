"""Starts every process of a run and outlives the harness, so that nothing a run started is ever left behind.

Run as a script of the standard library alone (`python -S -E guardian.py FD`). It is a child subreaper: whatever its children
leave behind becomes its own child. It speaks JSON lines over a Unix socket with the harness; when that socket closes, for
whatever reason, it heals what it was told to heal, kills all its descendants, reaps them and ends.

Requests: start, stop, kill, pause (resumed by itself after a time), resume, arm (HTTP requests to be made at a moment, or at
death), disarm, shutdown. Notices: started, exited, stopped, done.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import select
import signal
import socket
import sys
import time
import urllib.parse
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_TERM_GRACE_S = 1.5
_KILL_PATIENCE_S = 3.0
_HEAL_TIMEOUT_S = 1.0

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def become_subreaper() -> None:
    """Adopt the orphans of this process's descendants (Linux; elsewhere process groups have to do)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Return the pids of all live descendants of `root`, parents first; zombies are left out."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/stat", "rb") as file:  # noqa: PTH123 - no pathlib: this script starts in 20 ms
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] != b"Z":
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def left_behind(root: int) -> list[int]:
    """Return the live descendants of `root`, and look again before there are none.

    Who forks and ends while /proc is read is gone when its turn comes, and its child was not there when the reading began.
    """
    return descendants(root) or descendants(root)


class Guardian:
    """One run's guardian: a select loop over the harness's socket and a clock."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._buffer = b""
        self._fds: list[int] = []
        self._children: set[int] = set()
        self._armed: dict[str, tuple[float, list[list[str]]]] = {}
        self._paused: dict[int, float] = {}
        self._ended = False

    def serve(self) -> None:
        """Work until the harness says shutdown or its end of the socket closes."""
        while not self._ended:
            readable, _, _ = select.select([self._channel], [], [], 0.05)
            self._reap()
            self._fire_due()
            if readable and not self._read():
                break
        self._heal(list(self._armed))
        self._end_all()

    def _read(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._channel, 1 << 20, 16)
        except OSError:
            return False
        if not data:
            return False
        self._fds += fds
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return True

    def _obey(self, request: dict[str, Any]) -> None:
        match request["op"]:
            case "start":
                try:
                    self._start(request)
                except OSError as error:  # no log folder any more, no process to be had: the harness is told, we go on
                    self._tell(re=request["re"], error=f"{error.strerror}: {error.filename or request['argv'][0]}")
            case "stop":
                self._stop(request)
            case "kill":
                self._signal_trees(request["pids"], signal.SIGKILL)
                self._await_gone(set(request["pids"]), _KILL_PATIENCE_S)
                self._tell(re=request["re"], killed=request["pids"])
            case "pause":
                for pid in request["pids"]:
                    self._paused[pid] = time.monotonic() + request["after_s"]
                self._signal_trees(request["pids"], signal.SIGSTOP)
                self._tell(re=request["re"], paused=request["pids"])
            case "resume":
                self._resume(request["pids"])
                self._tell(re=request["re"], resumed=request["pids"])
            case "arm":
                self._armed[request["id"]] = (time.monotonic() + request["after_s"], request["requests"])
                self._tell(re=request["re"], armed=True)
            case "disarm":
                self._armed.pop(request["id"], None)
                self._tell(re=request["re"], armed=False)
            case "shutdown":
                self._ended = True  # what is still armed was not disarmed, so it still wants healing

    def _start(self, request: dict[str, Any]) -> None:
        given = [self._fds.pop(0) for _ in range(request["fds"])]
        try:
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError:
            for descriptor in given:
                os.close(descriptor)
            raise
        stdin = given[0] if given else os.open(os.devnull, os.O_RDONLY)
        stdout = given[1] if given else log
        failure_read, failure_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become(request, stdin, stdout, log, failure_write)
        os.close(failure_write)
        for descriptor in {stdin, stdout, log}:
            os.close(descriptor)
        with os.fdopen(failure_read, "rb") as pipe:
            failure = pipe.read().decode(errors="replace")
        if failure:
            os.waitpid(pid, 0)
            self._tell(re=request["re"], error=failure)
        else:
            self._children.add(pid)
            self._tell(re=request["re"], pid=pid)

    @staticmethod
    def _become(request: dict[str, Any], stdin: int, stdout: int, log: int, failure: int) -> None:
        """In the forked child: own session, death signal, descriptors, exec. Never returns."""
        try:
            os.setsid()
            if _libc is not None:
                _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            for source, number in ((stdin, 0), (stdout, 1), (log, 2)):
                os.dup2(source, number)
            os.set_inheritable(failure, False)
            for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
                signal.signal(handled, signal.SIG_DFL)
            if request["cwd"]:
                os.chdir(request["cwd"])
            os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606 - no shell on purpose
        except OSError as error:
            os.write(failure, f"{error.strerror}: {error.filename or request['argv'][0]}".encode())
        except Exception as error:  # a name with "=" in env, a NUL in an argument
            os.write(failure, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(127)

    def _signal_trees(self, pids: list[int], number: int) -> None:
        """Send a signal to some children and everything below them."""
        for pid in pids:
            if pid in self._children:
                for member in [pid, *descendants(pid)]:
                    _send(member, number)

    def _resume(self, pids: list[int]) -> None:
        for pid in pids:
            self._paused.pop(pid, None)
        self._signal_trees(pids, signal.SIGCONT)

    def _stop(self, request: dict[str, Any]) -> None:
        """End the trees below some children: SIGTERM to all, then SIGKILL to what is left."""
        trees = [[pid, *descendants(pid)] for pid in request["pids"] if pid in self._children]
        for tree in trees:
            # The root alone is asked: a gateway stops its own workers. SIGCONT so that a stopped one hears it.
            _send(tree[0], signal.SIGTERM)
            _send(tree[0], signal.SIGCONT)
        members = {pid for tree in trees for pid in tree}
        self._await_gone(members, request["grace_s"])
        for pid in list(members):
            members.update(descendants(pid))
        for pid in members:
            _send(pid, signal.SIGKILL)
        self._await_gone(members, _KILL_PATIENCE_S)
        self._tell(re=request["re"], stopped=request["pids"])

    def _await_gone(self, pids: set[int], within_s: float) -> None:
        """Wait until `pids` are gone. A child of ours is when it was reaped, and so was said to have exited: until its last
        thread has ended it is a zombie that cannot be reaped.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self._reap()
            self._fire_due()  # what is due elsewhere does not wait for those who take their time to go
            pids.difference_update([pid for pid in pids if pid not in self._children and not _alive(pid)])
            if not pids or self._is_alone():
                return
            time.sleep(0.01)

    def _is_alone(self) -> bool:
        """Tell whether the harness has gone: then nobody is given any more time."""
        try:
            return not self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _end_all(self) -> None:
        for pid in self._children:
            _send(pid, signal.SIGTERM)
            _send(pid, signal.SIGCONT)
        deadline = time.monotonic() + _TERM_GRACE_S
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.01)
        # Whoever is left ignored SIGTERM, or was left behind by a parent that ended: it will not end by itself.
        deadline = time.monotonic() + _KILL_PATIENCE_S
        while (left := left_behind(os.getpid())) and time.monotonic() < deadline:
            for pid in left:
                _send(pid, signal.SIGKILL)
            self._reap()
            time.sleep(0.01)
        self._reap()
        self._tell(done=True, survivors=left_behind(os.getpid()))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._children:
                self._children.discard(pid)
                self._tell(exited=pid, code=os.waitstatus_to_exitcode(status))

    def _fire_due(self) -> None:
        now = time.monotonic()
        self._heal([name for name, (due, _) in self._armed.items() if due <= now])
        self._resume([pid for pid, due in self._paused.items() if due <= now])

    def _heal(self, names: list[str]) -> None:
        """Make the armed HTTP requests (method, URL, body); what cannot be reached is gone already."""
        for name in names:
            _, requests = self._armed.pop(name)
            for method, url, body in requests:
                parts = urllib.parse.urlsplit(url)
                connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_HEAL_TIMEOUT_S)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection.request(method, parts.path, body or None)
                    connection.getresponse().read()
                connection.close()
            self._tell(fired=name)

    def _tell(self, **notice: Any) -> None:
        with contextlib.suppress(OSError):
            self._channel.sendall(json.dumps(notice).encode() + b"\n")


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def main() -> None:
    """Serve on the inherited socket whose descriptor is the first argument."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    become_subreaper()
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    Guardian(channel).serve()


if __name__ == "__main__":
    main()
