"""A load process: Locust's runner of one user whose only task is to walk this worker's share of the schedule.

Started as `python -m gatebench.execution.load.worker CONFIG.json`; the only module that imports Locust, which patches
sockets and sleep of its process. Of Locust it uses the runners, their messages and the user. Its statistics, console,
web page and exit codes stay unused, because they belong to a closed model and round to two digits (`measurement.md` 2
and 7).

On stdin: first `{"headers": {...}}`; to a worker `{"master_port": N}`; to the lead (local or master) `{"t0_ns": N}`; to
anyone `{"stop": true}`. The end of stdin means that the parent is gone and stops like SIGTERM does. On stdout:
`master_port` (a master), `ready`, `progress` every half second, `finished`.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import gevent
import locust.runners
from gevent.event import AsyncResult, Event
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from gatebench.execution.load.channel import Channel
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.crowding import crowd_of
from gatebench.execution.load.post import Post
from gatebench.execution.load.sandbox import keep_stdout

MASTER_HOST: Final = "127.0.0.1"
_BEGIN: Final = "gatebench-begin"
_MANNED: Final = "gatebench-manned"
_NEVER_S: Final = 10**9
_POLL_S: Final = 0.02

Orders = Mapping[str, Callable[[Any], object]]


def _walk(user: OpenLoad) -> None:
    """Stand at the post until the walk is over, then leave: Locust repeats a task until its user stops."""
    user.post.stand()
    raise StopUser


class OpenLoad(User):  # type: ignore[misc]  # the type checker does not follow Locust, so its User is Any
    """The one user of a process, with the walk for its only task."""

    tasks: ClassVar = [_walk]
    post: ClassVar[Post]


def main(arguments: list[str]) -> int:
    """Run one load process; returns its exit code."""
    config = WorkerConfig.read(Path(arguments[0]))
    channel = Channel(write_fd=keep_stdout())
    messages = channel.messages()
    headers = next(messages, {}).get("headers", {})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides what it means
    _allow_many_connections()
    _quieten_locust()
    if config.role == "master":
        return _master(config, channel, messages)
    post = Post(config, headers, channel, crowd_of(config.plan))
    master_port = AsyncResult()
    gevent.signal_handler(signal.SIGTERM, post.stop)
    gevent.spawn(_obey, messages, {"t0_ns": post.begin, "master_port": master_port.set}, post.stop)
    gevent.spawn(_man, config, post, channel, master_port).link_exception(lambda failed: post.fail(failed.exception))
    post.finished.wait()
    channel.say({"finished": post.facts})
    if post.defect is not None:
        traceback.print_exception(post.defect)
        return 1
    return 0


def _man(config: WorkerConfig, post: Post, channel: Channel, master_port: AsyncResult) -> None:
    """Have Locust put its one user at the post, and say that it is there."""
    OpenLoad.post = post
    environment = Environment(user_classes=[OpenLoad])
    if config.role == "local":
        environment.create_local_runner().start(1, spawn_rate=1)
        post.manned.wait()
    else:
        runner = environment.create_worker_runner(MASTER_HOST, master_port.get())
        runner.register_message(_BEGIN, lambda msg, **_: post.begin(msg.data["t0_ns"]))
        post.manned.wait()
        runner.send_message(_MANNED, {"worker": config.worker})
    channel.say({"ready": True, "pid": os.getpid()})


def _master(config: WorkerConfig, channel: Channel, messages: Iterator[dict[str, Any]]) -> int:
    """Have each worker spawn its user, pass the schedule's zero on, and stay until told to go: the workers end alone."""
    workers = config.plan.load.workers
    runner = Environment(user_classes=[OpenLoad]).create_master_runner(MASTER_HOST, 0)
    manned: set[int] = set()
    over = Event()

    def on_manned(msg: Any, **_: Any) -> None:
        manned.add(msg.data["worker"])
        if len(manned) == workers:
            channel.say({"ready": True, "pid": os.getpid()})

    def gather() -> None:
        while len(runner.clients.ready) < workers:
            gevent.sleep(_POLL_S)
        runner.start(workers, spawn_rate=workers)

    runner.register_message(_MANNED, on_manned)
    gevent.signal_handler(signal.SIGTERM, over.set)
    gevent.spawn(_obey, messages, {"t0_ns": lambda t0_ns: runner.send_message(_BEGIN, {"t0_ns": t0_ns})}, over.set)
    gevent.spawn(gather)
    channel.say({"master_port": runner.server.port})
    over.wait()
    channel.say({"finished": {}})
    return 0


def _obey(messages: Iterator[dict[str, Any]], orders: Orders, stop: Callable[[], object]) -> None:
    """Do what the parent says; the end of its words means stop."""
    for message in messages:
        if message.get("stop"):
            break
        for name, order in orders.items():
            if name in message:
                order(message[name])
    stop()


def _allow_many_connections() -> None:
    """Use every file descriptor this process may have; the usual soft limit of 1024 is below many pools."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _quieten_locust() -> None:
    """Turn off what Locust does on the side.

    Above all its search for missing workers: it would give a lost worker's user to another process, which has its own
    share to walk, and would end users whose master is gone. The engine sees by itself which processes live, and says
    so.
    """
    locust.runners.HEARTBEAT_LIVENESS = _NEVER_S
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = _NEVER_S
    locust.runners.WORKER_REPORT_INTERVAL = _NEVER_S
    locust.runners.WORKER_LOG_REPORT_INTERVAL = -1
    locust.runners.CPU_MONITOR_INTERVAL = _NEVER_S


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    # Everything is written and closed. An orderly exit would wait for ZeroMQ to deliver to a master that may be gone.
    os._exit(code)
