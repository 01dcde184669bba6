"""A load process that runs a user's own locustfile: Locust's local runner, headless, and a row for each of its requests.

Started like `worker`, and told the same over stdin. Locust decides who asks when; nothing of that is changed. It is
sent to the target's front link, its sockets ask the guard, and what its `request` event says becomes a row at the level
of evidence `closed` (`measurement.md` 15): no request id, no due time but the start, no bytes on the wire.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import gevent
import locust
import locust.argument_parser
import locust.log
from gevent.event import AsyncResult, Event
from locust.env import Environment
from locust.runners import STATE_STOPPED

from gatebench.execution.load.arrivals import LOAD
from gatebench.execution.load.channel import Channel
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.locust_event import clocks, fill
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.post import PROGRESS_INTERVAL_S
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.sandbox import guard_sockets, keep_stdout
from gatebench.execution.load.task_errors import TaskErrors
from gatebench.execution.load.usage import Usage
from gatebench.execution.load.user_file import kind_of, read_user_file
from gatebench.plan import Endpoint
from gatebench.run.folder import write_atomically
from gatebench.run.learnt import LearntRoutes, beside
from gatebench.run.stream import StreamWriter
from gatebench.sample import NO_WORD, SAMPLE
from gatebench.schedule import Locustfile
from gatebench.traffic import Request

STOP_S: Final = 0.5
_POLL_S: Final = 0.05


class Rows:
    """A row for each request that Locust reports, in the order in which they end."""

    def __init__(self, config: WorkerConfig) -> None:
        plan = config.plan
        if config.stream_path is None:
            raise ValueError("a locustfile's process needs a stream")
        words = plan.vocabularies()
        facts = {"worker": config.worker, "workers": 1, "pid": os.getpid()}
        self.recorder = Recorder(StreamWriter(SAMPLE, config.stream_path, words, facts), words["provider"], ())
        self.meter = Meter(config.worker)
        self._routes = LearntRoutes(beside(config.stream_path), words["route"])

    def take(self, request_type: str, name: str, **event: Any) -> None:
        """Take in one `request` event."""
        now_ns, wall_ns = clocks()
        request = Request(str(request_type), "", b"", self._routes.code(str(name)), NO_WORD["u2"], False, 0)
        flight = Flight(self.recorder.rows, LOAD, 0, due_ns=0, request=request, wire=b"")
        fill(flight.answer, event, now_ns, wall_ns)
        flight.due_ns = flight.answer.sent_ns  # a user of Locust's asks when it wants to: nothing was due before
        self.recorder.record(flight)
        self.meter.sent += 1
        self.meter.count(flight)


class Swarm:
    """Locust with one file's users. `run` returns when they are gone; `stop` may be called at any time."""

    def __init__(self, config: WorkerConfig, load: Locustfile, rows: Rows) -> None:
        found = read_user_file(Path(load.file))
        self.errors = TaskErrors([Path(load.file)])
        self.ended_ns: int | None = None
        self.stopped_ns: int | None = None
        self.most_users = 0
        self._load = load
        self._duration_ns = config.plan.load.duration_ns
        self._drain_s = config.plan.load.deadlines.total_ns / 1e9
        self._rows = rows
        host = _url(config.endpoints["target"])
        users = [user for user in found.users.values() if kind_of(user) != "gateway"]
        self.environment = Environment(
            user_classes=users,
            shape_class=found.shapes[0] if found.shapes else None,
            events=locust.events,
            host=host,
            locustfile=Path(load.file).name,
            parsed_options=_options(load, host),
            stop_timeout=self._drain_s,
            available_user_classes={user.__name__: user for user in users},
        )
        self.runner = self.environment.create_local_runner()
        # Beside Locust's own listeners: what these see, its statistics count.
        self.environment.events.request.add_listener(rows.take)
        self.environment.events.user_error.add_listener(self._raised)
        self._watch_steps()
        self.environment.events.init.fire(environment=self.environment, runner=self.runner, web_ui=None)
        if locust.log.unhandled_greenlet_exception:
            raise RuntimeError("a listener of the init event raised; its traceback stands above")

    def run(self, t0_ns: int) -> None:
        """Let the users loose at `t0_ns`, until the time is over, the shape ends, or somebody stops it."""
        gevent.sleep(max(0.0, (t0_ns - time.monotonic_ns()) / 1e9))
        if self.stopped_ns is None:
            if self.environment.shape_class is not None:
                self.runner.start_shape()
            else:
                self.runner.start(self._load.users, spawn_rate=self._load.spawn_rate)
        until_ns = t0_ns + self._duration_ns
        while self.stopped_ns is None and time.monotonic_ns() < until_ns and self.runner.state != STATE_STOPPED:
            self.most_users = max(self.most_users, self.runner.user_count)
            gevent.sleep(_POLL_S)
        self.ended_ns = time.monotonic_ns()
        self.runner.quit()
        self.environment.events.quitting.fire(environment=self.environment, reverse=True)

    def stop(self) -> None:
        """Let nobody ask any more; requests on their way get a moment, and then their users are ended."""
        if self.stopped_ns is None:
            self.stopped_ns = time.monotonic_ns()
            self.environment.stop_timeout = STOP_S
            gevent.spawn_later(STOP_S, self.runner.user_greenlets.kill, block=False)  # if the end had begun before

    def facts(self) -> dict[str, Any]:
        """Return what Locust counted, and what its users raised."""
        stats = self.environment.stats
        by_name: Counter[str] = Counter()
        for (name, _), entry in stats.entries.items():
            by_name[name] += entry.num_requests
        return {
            "stopped_ns": self.stopped_ns,
            "ended_ns": self.ended_ns,
            "users_made": self.most_users,
            "task_errors": self.errors.facts(),
            "locust": {
                "requests": stats.total.num_requests,
                "failures": stats.total.num_failures,
                "by_name": dict(by_name),
            },
        }

    def _raised(self, user_instance: Any, exception: BaseException, tb: Any, **_: Any) -> None:
        """Count what came out of a task: of the user, or of the task set that Locust wraps around it."""
        user = getattr(user_instance, "user", user_instance)
        frames = [frame for frame in traceback.extract_tb(tb) if frame.filename == str(Path(self._load.file).resolve())]
        step = frames[0].name if frames else "a task"
        self.errors.count(f"{type(user).__name__}.{step}", exception.with_traceback(tb))

    def _watch_steps(self) -> None:
        """Count also what Locust would only log: a user that cannot be made, a shape that raises."""
        spawn = self.runner.spawn_users

        def spawn_users(*arguments: Any, **named: Any) -> Any:
            try:
                return spawn(*arguments, **named)
            except Exception as error:
                self.errors.count("making users", error)
                raise

        self.runner.spawn_users = spawn_users
        shape = self.environment.shape_class
        if shape is None:
            return
        tick = shape.tick

        def counted() -> Any:
            try:
                return tick()
            except Exception as error:
                self.errors.count(f"{type(shape).__name__}.tick", error)
                return None  # the end of the test: a shape that raises would leave its users as they are, for ever

        shape.tick = counted


def _url(endpoint: Endpoint) -> str:
    return f"{'https' if endpoint.tls else 'http'}://{endpoint.host_header()}{endpoint.prefix}"


def _options(load: Locustfile, host: str) -> Any:
    """Return Locust's options as its command line would have them; files may have added options of their own."""
    said = ["--headless", "--host", host]
    for option, value in (("--users", load.users), ("--spawn-rate", load.spawn_rate), ("--run-time", load.run_time)):
        said += [option, str(value)] if value is not None else []
    return locust.argument_parser.get_parser(default_config_files=[]).parse_args(said)


def _obey(messages: Iterator[dict[str, Any]], begin: AsyncResult, swarm: Swarm) -> None:
    """Do what the parent says; the end of its words means stop."""
    for message in messages:
        if message.get("stop"):
            break
        if "t0_ns" in message:
            begin.set(message["t0_ns"])
    _end(begin, swarm)


def _end(begin: AsyncResult, swarm: Swarm) -> None:
    swarm.stop()
    if not begin.ready():
        begin.set(None)


def _keep(rows: Rows, usage: Usage, channel: Channel, over: Event) -> None:
    """Flush rows and look at the processor about every second, say how it goes every half."""
    turn = 0
    while not over.wait(PROGRESS_INTERVAL_S):
        turn += 1
        if turn % 2 == 0:
            rows.recorder.flush()
            usage.tick()
        channel.say({"progress": rows.meter.progress()})


def main(arguments: list[str]) -> int:
    """Run one locustfile; returns the exit code."""
    config = WorkerConfig.read(Path(arguments[0]))
    load = config.plan.load.locustfile
    if load is None or config.facts_path is None:
        raise ValueError("this plan is none of a locustfile")
    channel = Channel(write_fd=keep_stdout())
    messages = channel.messages()
    next(messages, None)  # headers: a locustfile sends its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides what it means
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    guard_sockets(config.plan.allow_remote)
    rows, usage, begin, over = Rows(config), Usage(), AsyncResult(), Event()
    swarm = Swarm(config, load, rows)
    gevent.signal_handler(signal.SIGTERM, _end, begin, swarm)
    gevent.spawn(_obey, messages, begin, swarm)
    channel.say({"ready": True, "pid": os.getpid()})
    t0_ns = begin.get()
    defect: BaseException | None = None
    if t0_ns is not None:
        usage.begin()
        keeper = gevent.spawn(_keep, rows, usage, channel, over)
        keeper.link_exception(lambda _: _end(begin, swarm))  # a full disk, say: rows would be lost unsaid
        try:
            swarm.run(t0_ns)
        except Exception as error:
            traceback.print_exc()
            defect = error
        over.set()
        keeper.join()
        defect = defect or keeper.exception
    rows.recorder.close()
    channel.say({"progress": rows.meter.progress()})
    facts = {
        "worker": config.worker,
        "t0_ns": t0_ns,
        "rows": rows.recorder.rows,
        "sent": rows.meter.sent,
        **usage.facts(),
        **swarm.facts(),
        "locust_version": locust.__version__,
        "defect": None if defect is None else repr(defect),
    }
    write_atomically(config.facts_path, json.dumps(facts, indent=1))
    channel.say({"finished": {}})
    return 0 if defect is None else 1


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)  # threads of the user's code need not let us go
