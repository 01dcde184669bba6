"""A load process that runs a user's locustfile unchanged: `python -m gatebench.execution.load.locustfile CONFIG.json`.

Locust does everything as it always does; we listen to its `request` event and write a row for each. It speaks with its
parent as `worker` does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import gevent
import gevent.socket
import locust.runners
from gevent.event import AsyncResult, Event
from locust.env import Environment

from gatebench import guard
from gatebench.execution.load.channel import Channel
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.listener import Listener
from gatebench.execution.load.task_errors import TaskErrors
from gatebench.execution.load.usage import Usage
from gatebench.execution.load.user_tasks import loaded
from gatebench.run.folder import write_atomically

_NEVER_S: Final = 10**9
_PROGRESS_S: Final = 0.5
_STOP_TIMEOUT_S: Final = 5.0


def main(arguments: list[str]) -> int:
    """Run the locustfile of a plan; returns the exit code of the process."""
    config = WorkerConfig.read(Path(arguments[0]))
    channel = Channel()
    messages = channel.messages()
    next(messages, {})  # extra headers: a locustfile has its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides what it means
    locust.runners.CPU_MONITOR_INTERVAL = _NEVER_S
    _guard_sockets(config.plan.allow_remote)
    driving = Driving(config, channel)
    gevent.signal_handler(signal.SIGTERM, driving.stop)
    gevent.spawn(_obey, messages, driving)
    channel.say({"ready": True, "pid": os.getpid()})
    facts = driving.drive()
    write_atomically(Path(str(config.facts_path)), json.dumps(facts, indent=1))
    channel.say({"finished": {"rows": facts["rows"]}})
    return 0


class Driving:
    """One run of a locustfile: Locust's environment and runner, our listener, and how it ends."""

    def __init__(self, config: WorkerConfig, channel: Channel) -> None:
        load = config.plan.load.locustfile
        if load is None:
            raise ValueError("this plan has no locustfile")
        self._config, self._load, self._channel = config, load, channel
        self._began: AsyncResult = AsyncResult()
        self._over = Event()
        self._usage = Usage()
        self._listener = Listener(config)
        self._errors = TaskErrors(load.file)
        classes, shapes = loaded(load.file)
        self._environment = Environment(
            user_classes=[classes[name] for name in load.classes],
            shape_class=shapes[0] if load.shape else None,
            host=f"http://{config.endpoints['target'].host_header()}",
            stop_timeout=_STOP_TIMEOUT_S,
        )
        events = self._environment.events
        events.request.add_listener(self._listener.heard)
        events.user_error.add_listener(self._note_error)
        self._runner = self._environment.create_local_runner()
        events.init.fire(environment=self._environment, runner=self._runner, web_ui=None)

    def begin(self, t0_ns: int) -> None:
        """Start at `t0_ns` of the monotonic clock."""
        if not self._began.ready():
            self._began.set(t0_ns)

    def stop(self) -> None:
        """End soon; without a beginning, at once."""
        self._over.set()
        if not self._began.ready():
            self._began.set(None)

    def drive(self) -> dict[str, Any]:
        """Let Locust run until its time is over, its shape is, or somebody says so; returns the facts of it."""
        t0_ns = self._began.get()
        stopped_ns = None
        if t0_ns is not None:
            gevent.sleep(max(0.0, (t0_ns - time.monotonic_ns()) / 1e9))
            self._usage.begin()
            self._start()
            stopped_ns = self._stay(t0_ns + self._config.plan.load.duration_ns)
        self._listener.close()
        stats = self._environment.stats.total
        return {
            "worker": self._config.worker,
            "t0_ns": t0_ns,
            "stopped_ns": stopped_ns,
            "rows": self._listener.rows,
            "locust_requests": stats.num_requests,
            "locust_failures": stats.num_failures,
            **self._usage.facts(),
            "task_errors": self._errors.found(),
            "defect": None,
        }

    def _start(self) -> None:
        if self._load.shape:
            self._runner.start_shape()
        else:
            self._runner.start(self._load.users, spawn_rate=self._load.spawn_rate_per_s)

    def _stay(self, end_ns: int) -> int:
        """Wait for the end, writing rows on the way; returns when the end was."""
        while time.monotonic_ns() < end_ns and not self._over.is_set() and not self._shape_is_over():
            self._over.wait(min(_PROGRESS_S, max(0.0, (end_ns - time.monotonic_ns()) / 1e9)))
            self._listener.flush()
            self._usage.tick()
            self._channel.say({"progress": self._listener.progress()})
        stopped_ns = time.monotonic_ns()
        self._runner.quit()  # users may finish the task they are in, for a few seconds
        self._channel.say({"progress": self._listener.progress()})
        return stopped_ns

    def _shape_is_over(self) -> bool:
        return bool(self._load.shape) and self._runner.shape_greenlet is None

    def _note_error(self, user_instance: Any, exception: BaseException, tb: object) -> None:
        # Locust hands over the task set where a task is in one, else the user.
        user = getattr(user_instance, "user", user_instance)
        self._errors.add(type(user).__name__, exception)


def _obey(messages: Iterator[dict[str, Any]], driving: Driving) -> None:
    """Do what the parent says; the end of its words means stop."""
    for message in messages:
        if message.get("stop"):
            break
        if "t0_ns" in message:
            driving.begin(message["t0_ns"])
    driving.stop()


def _guard_sockets(allowed: tuple[str, ...]) -> None:
    """Let no socket of this process connect where nobody allowed it, whatever the locustfile says."""
    plain = gevent.socket.socket
    named = {*allowed, *(address for host in allowed for _, address in guard.resolve(host, 0, allowed))}

    def checked(name: str) -> None:
        original = getattr(plain, name)

        def connect(self: Any, address: Any) -> Any:
            if isinstance(address, tuple):
                for _, resolved in guard.resolve(str(address[0]), int(address[1]), named):
                    guard.check(resolved, named)
            return original(self, address)

        setattr(plain, name, connect)

    checked("connect")
    checked("connect_ex")


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)
