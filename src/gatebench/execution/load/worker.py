"""A load process: Locust's runner of one user whose only task is to walk this worker's share of the schedule.

Started as `python -m gatebench.execution.load.worker CONFIG.json`. It imports Locust, which patches sockets and sleep of
its process; so do `master` and `guest`, for their runners, and nobody else. Of Locust it uses the runners, their messages and the user.
Its statistics, console, web page and exit codes stay unused, because they belong to a closed model and round to two
digits (`measurement.md` 2 and 7).

On stdin: first `{"headers": {...}, "keys": [...]}`, with a `join_token` where there is a master; to a worker
`{"master_port": N}`; to the lead (local or master) `{"t0_ns": N}`; to anyone `{"stop": true}`. The end of stdin means that
the parent is gone and stops like SIGTERM does. On stdout: `master_port` (a master), `ready`, `progress` every half second,
`finished`.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import ClassVar, Final

import gevent
import locust.runners
from gevent.event import AsyncResult
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from gatebench.execution.load.channel import Channel, obey
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.crowding import crowd_of
from gatebench.execution.load.guest import Guest
from gatebench.execution.load.joining import BEGIN, MANNED, SEATED
from gatebench.execution.load.machine import machine
from gatebench.execution.load.master import serve
from gatebench.execution.load.post import Post
from gatebench.execution.load.sandbox import keep_stdout
from gatebench.execution.secrets import Secrets

_NEVER_S: Final = 10**9


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
    first = next(messages, {})
    secrets = Secrets(first.get("headers", {}), tuple(first.get("keys", ())))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides what it means
    allow_many_connections()
    quieten_locust()
    if config.role == "master":
        return serve(config, first, channel, messages, OpenLoad)
    post = Post(config, secrets, channel, crowd_of(config.plan))
    master_port = AsyncResult()
    gevent.signal_handler(signal.SIGTERM, post.stop)
    gevent.spawn(obey, messages, {"t0_ns": post.begin, "master_port": master_port.set}, post.stop)
    manning = gevent.spawn(_man, config, post, channel, master_port, str(first.get("join_token")))
    manning.link_exception(lambda failed: post.fail(failed.exception))
    post.finished.wait()
    channel.say({"finished": post.facts})
    if post.defect is not None:
        traceback.print_exception(post.defect)
        return 1
    return 0


def _man(config: WorkerConfig, post: Post, channel: Channel, master_port: AsyncResult, token: str) -> None:
    """Have Locust put its one user at the post, and say that it is there."""
    OpenLoad.post = post
    environment = Environment(user_classes=[OpenLoad])
    if config.role == "local":
        environment.create_local_runner().start(1, spawn_rate=1)
        post.manned.wait()
    else:
        guest = Guest(environment, config.plan.load.listens_on()[0], master_port.get())
        guest.enter(token, {**machine(), "worker": config.worker})
        take_seat(guest, post)
    channel.say({"ready": True, "pid": os.getpid()})


def take_seat(guest: Guest, post: Post) -> None:
    """Have Locust's master put its user at the post; returns when it stands there and waits for the schedule's zero."""
    guest.register_message(BEGIN, lambda msg, **_: post.begin(msg.data["t0_ns"]))
    guest.send_message(SEATED)
    post.manned.wait()
    guest.send_message(MANNED)


def allow_many_connections() -> None:
    """Use every file descriptor this process may have; the usual soft limit of 1024 is below many pools."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def quieten_locust() -> None:
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
