"""Starts and ends the processes of a run through the guardian, and waits until they are ready."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from gatebench.errors import EnvironmentFailure
from gatebench.execution.topology import guardian

RUN_MARK = "GATEBENCH_RUN"
_LOG_LINES = 12
_LOG_BYTES = 16_384
_REPLY_S = 20.0


@dataclass
class ChildProcess:
    """One started process: what the supervisor knows of it."""

    name: str
    pid: int
    log: Path
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    exit_code: int | None = None
    stopping: bool = False

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self.exit_code

    def log_tail(self) -> list[str]:
        """Return the last lines of its log."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            return file.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
        return []


@dataclass
class _Exchange:
    arrived: threading.Event = field(default_factory=threading.Event)
    reply: dict[str, Any] = field(default_factory=dict)


class Supervisor:
    """The harness's end of the guardian. Use as a context manager: leaving it leaves nothing running."""

    def __init__(self, token: str, on_exit: Callable[[ChildProcess], None] | None = None) -> None:
        self._token = token
        self._on_exit = on_exit
        self._children: dict[int, ChildProcess] = {}
        self._early_exits: dict[int, int] = {}
        self._exchanges: dict[int, _Exchange] = {}
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._number = 0
        self._finished = threading.Event()
        self.survivors: list[int] = []
        guardian.become_subreaper()  # should the guardian itself be killed, its orphans come to us and are ended in close()
        ours, theirs = socket.socketpair()
        self._channel = ours
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", guardian.__file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, RUN_MARK: token},
        )
        theirs.close()
        self._reader = threading.Thread(target=self._listen, name="guardian-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def guardian_pid(self) -> int:
        """The guardian's process id."""
        return self._process.pid

    @property
    def is_guarded(self) -> bool:
        """Whether the guardian is there: without it nothing would end our processes should we be killed."""
        return not self._finished.is_set()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path,
        pipes: bool = False,
    ) -> ChildProcess:
        """Start a process in a session of its own; stderr (and stdout, without `pipes`) goes to `log`.

        Raises EnvironmentFailure when the program cannot be executed.
        """
        given: list[int] = []
        stdin: IO[bytes] | None = None
        stdout: IO[bytes] | None = None
        if pipes:
            child_in, our_in = os.pipe()
            our_out, child_out = os.pipe()
            given = [child_in, child_out]
            stdin, stdout = os.fdopen(our_in, "wb", buffering=0), os.fdopen(our_out, "rb")
        request = {
            "op": "start",
            "argv": list(argv),
            "env": {**os.environ, **(env or {}), RUN_MARK: self._token},
            "cwd": str(cwd) if cwd else None,
            "log": str(log),
            "fds": len(given),
        }
        try:
            reply = self._ask(request, fds=given)
        finally:
            for descriptor in given:
                os.close(descriptor)
        if "error" in reply:
            raise EnvironmentFailure(f"{name} would not start: {reply['error']}.")
        child = ChildProcess(name, int(reply["pid"]), log, stdin, stdout)
        with self._lock:
            self._children[child.pid] = child
            if child.pid in self._early_exits:
                child.exit_code = self._early_exits.pop(child.pid)
        return child

    def wait_until(self, child: ChildProcess, ready: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait until `ready()`; EnvironmentFailure with the child's last log lines when it dies or takes too long."""
        deadline = time.monotonic() + within_s
        while True:
            if child.poll() is not None:
                raise EnvironmentFailure(
                    f"{child.name} ended with {_ending(child.exit_code)} before it was ready.", child.log_tail()
                )
            if ready():
                return
            if time.monotonic() > deadline:
                raise EnvironmentFailure(
                    f"{child.name} was not ready within {within_s:g} s ({what}).", child.log_tail()
                )
            time.sleep(0.02)

    def stop(self, children: Iterable[ChildProcess], grace_s: float = 2.0) -> None:
        """End the process trees of `children`: SIGTERM, and SIGKILL after `grace_s`."""
        running = [child for child in children if child.poll() is None]
        for child in running:
            child.stopping = True
        if running:
            self._ask(
                {"op": "stop", "pids": [child.pid for child in running], "grace_s": grace_s}, timeout_s=grace_s + 10
            )

    def kill(self, children: Iterable[ChildProcess]) -> None:
        """End the process trees of `children` by SIGKILL, without a word; returns when they are gone."""
        running = [child for child in children if child.poll() is None]
        for child in running:
            child.stopping = True
        if running:
            self._ask({"op": "kill", "pids": [child.pid for child in running]})

    def pause(self, children: Iterable[ChildProcess], ttl_s: float) -> None:
        """Stop the process trees of `children` where they are; the guardian lets them go on after `ttl_s`."""
        self._ask({"op": "pause", "pids": [child.pid for child in children], "after_s": ttl_s})

    def resume(self, children: Iterable[ChildProcess]) -> None:
        """Let them go on."""
        self._ask({"op": "resume", "pids": [child.pid for child in children]})

    def arm(self, name: str, after_s: float, requests: Sequence[tuple[str, str, str]]) -> None:
        """Have the guardian make HTTP requests (method, URL, body) in `after_s` seconds, or when this process dies."""
        self._ask({"op": "arm", "id": name, "after_s": after_s, "requests": [list(request) for request in requests]})

    def disarm(self, name: str) -> None:
        """Take an armed list of requests back."""
        self._ask({"op": "disarm", "id": name})

    def close(self) -> None:
        """End everything; afterwards `survivors` lists pids that could not be ended (normally none)."""
        if self._finished.is_set() and self._process.returncode is not None:
            return
        for child in self._children.values():
            child.stopping = True
        with contextlib.suppress(OSError), self._write_lock:
            self._channel.sendall(b'{"op": "shutdown"}\n')
        self._finished.wait(8.0)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        self._channel.close()
        self._reader.join(2.0)
        if self._process.returncode != 0:
            self._end_orphans()
        for child in self._children.values():
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _end_orphans(self) -> None:
        """The guardian died before us: what it guarded is ours now, and carries our mark."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        deadline = time.monotonic() + 3.0
        while time.monotonic() < deadline:
            left = [pid for pid in guardian.left_behind(os.getpid()) if self._is_ours(pid)]
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)
        self.survivors = left

    def _is_ours(self, pid: int) -> bool:
        """Tell whether an orphan is of this run: by the session it was started in, or by the mark in its environment.

        Either may be gone (a daemon leaves its session, nginx writes its title over its environment), hardly both.
        """
        with contextlib.suppress(OSError):
            if os.getsid(pid) in self._children:
                return True
            return f"{RUN_MARK}={self._token}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return False

    def _ask(self, request: dict[str, Any], fds: Sequence[int] = (), timeout_s: float = _REPLY_S) -> dict[str, Any]:
        exchange = _Exchange()
        with self._lock:
            self._number += 1
            number = self._number
            self._exchanges[number] = exchange
        data = json.dumps({**request, "re": number}).encode() + b"\n"
        try:
            with self._write_lock:
                sent = socket.send_fds(self._channel, [data], list(fds)) if fds else 0
                self._channel.sendall(data[sent:])
        except OSError as error:
            raise EnvironmentFailure("The guardian process is gone; nothing can be started any more.") from error
        if not exchange.arrived.wait(timeout_s) or not exchange.reply:
            raise EnvironmentFailure(f"The guardian process did not answer to {request['op']} within {timeout_s:g} s.")
        return exchange.reply

    def _listen(self) -> None:
        with self._channel.makefile("rb") as lines, contextlib.suppress(OSError, ValueError):
            for line in lines:
                self._note(json.loads(line))
        with self._lock:
            for exchange in self._exchanges.values():
                exchange.arrived.set()
        self._finished.set()

    def _note(self, notice: dict[str, Any]) -> None:
        if "re" in notice:
            with self._lock:
                exchange = self._exchanges.pop(notice["re"], None)
            if exchange is not None:
                exchange.reply = notice
                exchange.arrived.set()
        elif "exited" in notice:
            with self._lock:
                child = self._children.get(notice["exited"])
                if child is None:
                    self._early_exits[notice["exited"]] = notice["code"]
                    return
                child.exit_code = notice["code"]
            if self._on_exit is not None and not child.stopping:
                self._on_exit(child)
        elif notice.get("done"):
            self.survivors = list(notice["survivors"])
            self._finished.set()


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
