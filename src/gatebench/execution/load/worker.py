"""A load process: Locust's runner of one user whose only task is to walk this worker's share of the schedule.

Started as `python -m gatebench.execution.load.worker CONFIG.json`; the only module that imports Locust, which patches sockets and
sleep of its process. Of Locust it uses the runners, their messages and the user: statistics, console, web page and exit
codes are not used, because Locust counts closed-model requests in buckets of two digits (`measurement.md` 2 and 7).

On stdin: first `{"headers": {...}}`, then `{"t0_ns": N}` to the lead (local or master), `{"stop": true}` to anyone. The end of stdin
means that the parent is gone and stops like SIGTERM does. On stdout: `ready`, then `progress`, then `finished`.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import gevent
import locust.runners
from gevent.event import Event
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from gatebench.execution.load.channel import Channel
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.post import Post

MASTER_HOST: Final = "127.0.0.1"
_BEGIN: Final = "gatebench-begin"
_MANNED: Final = "gatebench-manned"
_NEVER_S: Final = 10**9
_POLL_S: Final = 0.02
_LAST_WORDS_S: Final = 2.0


def _walk(user: OpenLoad) -> None:
    """Stand at the post until the walk is over, then leave: Locust repeats a task until its user stops."""
    user.post.stand()
    raise StopUser


class OpenLoad(User):
    """The one user of a process, with the walk for its only task."""

    tasks: ClassVar = [_walk]
    post: ClassVar[Post]


def main(arguments: list[str]) -> int:
    """Run one load process; returns its exit code."""
    config = WorkerConfig.read(Path(arguments[0]))
    channel = Channel()
    messages = channel.messages()
    headers = next(messages, {}).get("headers", {})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides what it means
    _quieten_locust()
    if config.role == "master":
        return _master(config, channel, messages)
    post = Post(config, headers, channel)
    OpenLoad.post = post
    gevent.signal_handler(signal.SIGTERM, post.stop)
    listener = gevent.spawn(_listen, messages, post.begin, post.stop)
    runner = _runner_of_one_user(config, post)
    post.manned.wait()
    if config.role == "worker":
        runner.send_message(_MANNED, {"worker": config.worker})
    channel.say({"ready": True, "pid": os.getpid()})
    post.finished.wait()
    with gevent.Timeout(_LAST_WORDS_S, False):
        channel.say({"finished": post.facts})
    listener.kill()
    if post.defect is not None:
        traceback.print_exception(post.defect)
        return 1
    return 0


def _runner_of_one_user(config: WorkerConfig, post: Post) -> Any:
    """Return a runner that spawns, or is about to be told to spawn, the one user."""
    environment = Environment(user_classes=[OpenLoad])
    if config.role == "local":
        runner = environment.create_local_runner()
        runner.start(1, spawn_rate=1)
        return runner
    runner = environment.create_worker_runner(MASTER_HOST, config.master_port)
    runner.register_message(_BEGIN, lambda msg, **_: post.begin(int(msg.data["t0_ns"])))
    return runner


def _master(config: WorkerConfig, channel: Channel, messages: Iterator[dict[str, Any]]) -> int:
    """Have each worker spawn its user, pass the schedule's zero on, and stay until told to go: the workers end by themselves."""
    workers = config.plan.load.workers
    runner = Environment(user_classes=[OpenLoad]).create_master_runner(MASTER_HOST, config.master_port)
    manned: set[int] = set()
    all_manned, over = Event(), Event()

    def on_manned(msg: Any, **_: Any) -> None:
        manned.add(msg.data["worker"])
        if len(manned) == workers:
            all_manned.set()

    runner.register_message(_MANNED, on_manned)
    gevent.signal_handler(signal.SIGTERM, over.set)
    gevent.spawn(_listen, messages, lambda t0_ns: runner.send_message(_BEGIN, {"t0_ns": t0_ns}), over.set)
    while len(runner.clients.ready) < workers and not over.is_set():
        gevent.sleep(_POLL_S)
    gevent.spawn(runner.start, workers, spawn_rate=workers)
    gevent.wait([all_manned, over], count=1)
    if all_manned.is_set():
        channel.say({"ready": True, "pid": os.getpid()})
    over.wait()
    with gevent.Timeout(_LAST_WORDS_S, False):
        channel.say({"finished": {}})
    return 0


def _listen(messages: Iterator[dict[str, Any]], begin: Callable[[int], object], stop: Callable[[], object]) -> None:
    """Do what the parent says; the end of its words means stop."""
    for message in messages:
        if "t0_ns" in message:
            begin(int(message["t0_ns"]))
        elif message.get("stop"):
            stop()
    stop()


def _quieten_locust() -> None:
    """Turn off what Locust does on the side.

    Above all its search for missing workers: it would give a lost worker's user to another process, which has its own share to
    walk, and would end users whose master is gone. The engine sees by itself which processes live, and says so.
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
