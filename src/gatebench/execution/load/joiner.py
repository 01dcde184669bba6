"""A load worker on another machine: joins a run, sends its share of the schedule, and hands its rows over as it goes.

Imported by `bench worker` alone, whose process becomes a load process: Locust patches sockets and sleep in it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import gevent
import gevent.event
import locust.runners
from locust.env import Environment

from gatebench.errors import EnvironmentFailure, GatebenchError, Interrupted
from gatebench.execution.load import joining
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.courier import Courier
from gatebench.execution.load.guest import Guest, NotAdmitted
from gatebench.execution.load.machine import machine
from gatebench.execution.load.post import Post
from gatebench.execution.load.worker import OpenLoad, allow_many_connections, quieten_locust, take_seat
from gatebench.execution.secrets import Secrets

_AGAIN_S: Final = 0.5
_STOPPED_HERE: Final = "it was stopped on its own machine"

Say = Callable[[str], None]


class Refused(GatebenchError):
    """The run and this worker do not fit together; nothing was sent."""

    exit_code = 2


@dataclass(frozen=True)
class Joining:
    """What `bench worker` was asked for: the master's place, the token, own headers, where load may go, how long to knock."""

    host: str
    port: int
    token: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    allow_remote: tuple[str, ...] = ()
    within_s: float = 120.0


def join(asked: Joining, say: Say) -> None:
    """Take part in one run from beginning to end, then leave the process to its exit code.

    Raises Refused when the run does not want this worker or would send where it may not, EnvironmentFailure when no
    master answers or it falls silent, Interrupted when somebody stopped this process.
    """
    bell = Bell()
    allow_many_connections()
    quieten_locust()
    locust.runners.CONNECT_TIMEOUT = 1
    locust.runners.CONNECT_RETRY_COUNT = max(1, round(asked.within_s))
    say(f"knocking at {asked.host}:{asked.port}, for {asked.within_s:g} s at most")
    try:
        guest = Guest(Environment(user_classes=[OpenLoad]), asked.host, asked.port)
    except ConnectionError as error:
        nobody = f"No master answered at {asked.host}:{asked.port} within {asked.within_s:g} s."
        raise EnvironmentFailure(f"{nobody} Start bench run first, or correct the address.") from error
    folder = Path(tempfile.mkdtemp(prefix="gatebench-worker-"))
    try:
        facts = {**machine(), "headers": sorted(asked.headers)}
        config = WorkerConfig.of_guest(guest.enter(asked.token, facts)["config"], folder, asked.allow_remote)
        _check_endpoints(config, guest)
        Duty(config, asked.headers, guest, say).do(bell)
    except NotAdmitted as error:
        raise Refused(str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_endpoints(config: WorkerConfig, guest: Guest) -> None:
    """Refuse a plan that sends where nobody here allowed it to; the guard at the sockets would refuse each request."""
    found = (joining.obstacle(endpoint, config.plan.allow_remote) for endpoint in config.endpoints.values())
    why = next((obstacle for obstacle in found if obstacle is not None), None)
    if why is not None:
        guest.send_message(joining.OVER, {"size": 0, "facts": {}, "why": why})
        gevent.sleep(_AGAIN_S)
        raise Refused(why)


class Bell:
    """What Ctrl-C and SIGTERM do here: end this greenlet, until somebody who knows better says what."""

    def __init__(self) -> None:
        self.ring: Callable[[], object] = partial(
            gevent.kill, gevent.getcurrent(), Interrupted("stopped before it began")
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                gevent.signal_handler(number, self._rung)

    def _rung(self) -> None:
        self.ring()


class Duty:
    """One run's worth of load, told to the master as it goes."""

    def __init__(self, config: WorkerConfig, headers: Mapping[str, str], guest: Guest, say: Say) -> None:
        if config.stream_path is None:
            raise ValueError("a guest has a stream")
        self._config = config
        self._guest = guest
        self._say = say
        self._why: str | None = None
        self._gone = False
        self._farewell = gevent.event.Event()
        self._post = Post(config, Secrets(dict(headers)), self)
        self._courier = Courier(config.stream_path, self._send_rows)
        guest.register_message(joining.STOP, lambda **_: self._post.stop())
        guest.register_message(joining.TAKEN, lambda msg, **_: self._courier.taken(int(msg.data["size"])))
        guest.register_message(joining.FAREWELL, lambda **_: self._farewell.set())

    def say(self, message: dict[str, Any]) -> bool:
        """Pass the post's progress on to the master."""
        if not self._gone and "progress" in message:
            self._guest.send_message(joining.PROGRESS, message["progress"])
        return not self._gone

    def do(self, bell: Bell) -> None:
        """Stand at the post, walk, and stay until every row has arrived, or the master is gone."""
        bell.ring = self._stop_here
        OpenLoad.post = self._post
        helpers = [gevent.spawn(self._listen), gevent.spawn(self._courier.run), gevent.spawn(self._begin)]
        self._post.finished.wait()
        self._hand_over()
        gevent.killall(helpers)
        facts = self._post.facts
        self._say(
            f"{facts.get('sent', 0)} requests sent, {facts.get('rows', 0)} rows, {self._courier.size} bytes of them"
        )
        if self._gone:
            raise EnvironmentFailure(
                f"The master said nothing for {joining.SILENCE_S:g} s, so that nothing more was sent. "
                "Its run is over, or the network between is."
            )
        if self._why == _STOPPED_HERE:
            raise Interrupted(self._why)
        if self._why is not None:
            raise EnvironmentFailure(self._why)

    def _begin(self) -> None:
        plan, worker = self._config.plan, self._config.worker
        places = ", ".join(sorted({endpoint.host_header() for endpoint in self._config.endpoints.values()}))
        self._say(f"joined {plan.scenario} as worker {worker}, one of {plan.load.workers}; load goes to {places}")
        take_seat(self._guest, self._post)
        self._say("ready")

    def _listen(self) -> None:
        """Stop the load at once when the master is gone: nobody would know of it, and nobody could stop it."""
        while not self._guest.silence.tick():
            gevent.sleep(joining.TICK_S)
        self._gone = True
        self._post.stop()

    def _stop_here(self) -> None:
        self._why = self._why or _STOPPED_HERE
        self._post.stop()

    def _send_rows(self, offset: int, data: bytes) -> None:
        self._guest.send_message(joining.ROWS, {"offset": offset, "data": data})

    def _hand_over(self) -> None:
        """Bring the rest of the rows, then the facts, until the master says that it has them."""
        while not self._gone and not self._courier.all_taken():
            self._courier.push()
            gevent.sleep(_AGAIN_S / 10)
        facts = self._post.facts
        if self._post.defect is not None:
            self._why = self._why or f"it ended with a defect of its own: {self._post.defect!r}"
        over = {"size": self._courier.size, "facts": json.loads(json.dumps(facts)), "why": self._why}
        asked_s = 0.0
        while not self._gone and not self._farewell.is_set():
            if time.monotonic() - asked_s > _AGAIN_S:
                asked_s = time.monotonic()
                self._guest.send_message(joining.OVER, over)
            self._farewell.wait(_AGAIN_S / 10)


def leave(code: int) -> None:
    """End this process at once: an orderly exit would wait for ZeroMQ to deliver to a master that may be gone."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def start_anew() -> None:
    """Become a fresh process of the same command: the next run finds nothing of the last one."""
    os.execv(  # noqa: S606 - there is no shell in between, as it should be
        sys.executable, [sys.executable, *sys.argv]
    )
