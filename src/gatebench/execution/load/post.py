"""One worker's place in the load: everything that walks its share of the schedule, put together, and its facts at the end."""

from __future__ import annotations

import gc
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any, Final, Protocol

import gevent
from gevent.event import AsyncResult, Event

from gatebench.execution.load.arrivals import Arrivals
from gatebench.execution.load.client import Client
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.crowd import Crowd
from gatebench.execution.load.decoding import DecodingReply
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.reactive import ReactiveProbe
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.reply import Reply
from gatebench.execution.load.task_walk import TaskWalk
from gatebench.execution.load.turns import Turns
from gatebench.execution.load.usage import Usage
from gatebench.execution.load.users import UserArrivals, UsersWalk
from gatebench.execution.load.walk import Walk
from gatebench.execution.load.wire import Wire
from gatebench.execution.secrets import Secrets
from gatebench.run.folder import write_atomically
from gatebench.run.learnt import LearntRoutes, beside
from gatebench.run.stream import FLUSH_INTERVAL_S, StreamWriter
from gatebench.sample import LANES, SAMPLE, TARGET

PROGRESS_INTERVAL_S: Final = 0.5
_YOUNG_OBJECTS: Final = 50_000
_LOOKS: Final = 10
_HEAP: Final = 250


class Parent(Protocol):
    """Whoever is told how it goes: the process that started this one, or a master on another machine."""

    def say(self, message: dict[str, Any]) -> bool:
        """Say one thing; False when nobody hears it."""


class Post:
    """Waits for the schedule's zero, walks, records, and writes facts. `stand` is called once, by the Locust user."""

    def __init__(self, config: WorkerConfig, secrets: Secrets, channel: Parent, crowd: Crowd | None = None) -> None:
        plan = config.plan
        if config.stream_path is None or config.facts_path is None:
            raise ValueError("a master has no post")
        self.worker = config.worker
        self.manned = Event()
        self.finished = Event()
        self.defect: BaseException | None = None
        self.facts: dict[str, Any] = {}
        self._facts_path = config.facts_path
        self._channel = channel
        self._crowd = crowd
        self._t0_ns: AsyncResult = AsyncResult()
        self._usage = Usage()
        self._meter = Meter(config.worker)
        turns = Turns()
        lanes = [lane for lane in LANES if lane in config.endpoints]
        self._clients = {
            LANES.index(lane): Client(
                config.endpoints[lane],
                plan.load.deadlines,
                plan.allow_remote,
                turns,
                parser=_parser(*config.endpoints[lane].headers, *secrets.headers),
            )
            for lane in lanes
        }
        wires = {
            LANES.index(lane): Wire(config.endpoints[lane], plan.token, plan.request_id, secrets) for lane in lanes
        }
        words = plan.vocabularies()
        facts = {"worker": config.worker, "workers": plan.load.workers, "pid": os.getpid()}
        stream = StreamWriter(SAMPLE, config.stream_path, words, facts)
        self._recorder = Recorder(stream, words["provider"], words["tenant"])
        around = (self._clients, self._recorder, self._meter)
        users = plan.load.users
        self._probe: ReactiveProbe | None = None
        if plan.reactive is not None and config.worker == 0:
            own = Client(config.endpoints[LANES[TARGET]], plan.load.deadlines, plan.allow_remote)
            self._probe = ReactiveProbe(plan, plan.reactive, own, wires[TARGET], self._recorder)
        self._arrivals: Arrivals | UserArrivals
        self._walk: Walk
        if users is not None:
            self._arrivals = UserArrivals(plan, users, config.worker, wires)
            self._walk = UsersWalk(plan.load, self._arrivals, *around, turns=turns)
        elif crowd is None:
            self._arrivals = Arrivals(plan, config.worker, wires, config.trace_path)
            self._walk = Walk(plan.load, self._arrivals, *around, turns=turns)
        else:
            self._arrivals = Arrivals(plan, config.worker, wires, config.trace_path)
            self._walk = TaskWalk(
                plan.load,
                self._arrivals,
                *around,
                turns=turns,
                crowd=crowd,
                wire=wires[TARGET],
                routes=LearntRoutes(beside(config.stream_path), words["route"]),
                phase_ends_ns=[phase.end_ns for phase in plan.phases],
            )

    def begin(self, t0_ns: int) -> None:
        """Zero of the schedule is at `t0_ns` of the monotonic clock."""
        if not self._t0_ns.ready():
            self._t0_ns.set(t0_ns)

    def stop(self) -> None:
        """Send nothing more, and finish soon; without a beginning, finish at once."""
        self._walk.stop()
        if self._probe is not None:
            self._probe.stop()
        if not self._t0_ns.ready():
            self._t0_ns.set(None)
        if not self.manned.is_set():
            gevent.spawn(self.stand)

    def fail(self, error: BaseException) -> None:
        """Something around the walk does not work: stop, and tell."""
        self.defect = self.defect or error
        self.stop()

    def stand(self) -> None:
        """Do the whole duty; returns when every row is written. A second caller has nothing to do."""
        if self.manned.is_set():
            return
        _settle_memory()
        self.manned.set()
        t0_ns = self._t0_ns.get()
        if t0_ns is not None:
            self._take(partial(self._duty, t0_ns))
        self._take(self._recorder.close)
        for client in self._clients.values():
            self._take(client.close)
        self._take(partial(self._write_facts, t0_ns))
        self.finished.set()

    def _take(self, step: Callable[[], object]) -> None:
        """Take a step; what goes wrong is kept, and the steps after it are taken all the same."""
        try:
            step()
        except Exception as error:
            self.defect = self.defect or error

    def _duty(self, t0_ns: int) -> None:
        keeper = gevent.spawn(self._keep, t0_ns)
        keeper.link_exception(lambda failed: self.fail(failed.exception))  # a full disk, say: rows would be lost unsaid
        probing = gevent.spawn(self._probe.run, t0_ns) if self._probe is not None else None
        try:
            self._walk.run(t0_ns)
            if probing is not None:
                probing.get()
        finally:
            keeper.kill()
            if probing is not None:
                probing.kill()
            self._channel.say({"progress": self._meter.progress()})

    def _keep(self, t0_ns: int) -> None:
        """Flush rows every second, say how it goes every half.

        Many rows are flushed in small heaps: writing ten thousand at once would hold up every request for milliseconds.
        """
        gevent.sleep(max(0.0, (t0_ns - time.monotonic_ns()) / 1e9))
        self._usage.begin()
        flushed_s = time.monotonic()
        while True:
            for _ in range(_LOOKS):
                gevent.sleep(PROGRESS_INTERVAL_S / _LOOKS)
                if self._recorder.pending >= _HEAP:
                    self._recorder.flush()
            if time.monotonic() - flushed_s >= FLUSH_INTERVAL_S - PROGRESS_INTERVAL_S / 2:
                flushed_s = time.monotonic()
                self._recorder.flush()
                self._usage.tick()
            self._channel.say({"progress": self._meter.progress()})

    def _write_facts(self, t0_ns: int | None) -> None:
        clients = self._clients.values()
        self.facts = {
            "worker": self.worker,
            "t0_ns": t0_ns,
            "stopped_ns": self._walk.stopped_ns,
            "scheduled_share": self._arrivals.count,
            "rows": self._recorder.rows,
            "sent": self._meter.sent,
            **self._usage.facts(),
            "connections_opened": sum(client.opened for client in clients),
            "connections_lost_idle": sum(client.lost_idle for client in clients),
            "resend_check": {
                "requests_handed_over": self._meter.sent,
                "requests_written": sum(client.written for client in clients),
            },
            "tls_errors": dict(sum((client.tls_errors for client in clients), Counter())),
            "local_errors": dict(sum((client.local_errors for client in clients), Counter())),
            "python_version": platform.python_version(),
            **{f"{name}_version": version(name) for name in ("gevent", "geventhttpclient", "locust")},
            **(self._crowd.facts() if self._crowd else {}),
            **({"tasks_cut": self._walk.cut} if isinstance(self._walk, TaskWalk) else {}),
            "defect": None if self.defect is None else repr(self.defect),
        }
        write_atomically(self._facts_path, json.dumps(self.facts, indent=1))


def _parser(*headers: str) -> type[Reply]:
    """Return what reads the answers: the leanest parser that understands what the requests' headers invite."""
    return DecodingReply if "accept-encoding" in {name.lower() for name in headers} else Reply


def _settle_memory() -> None:
    """Keep the collector of cycles out of the dispatch.

    What was loaded so far stays for good, so it is frozen: a full collection would walk half a million objects of
    Locust, numpy and pydantic, tens of milliseconds during which nothing is sent. Requests leave no cycles (reference
    counts free them), so the young generation may grow large before it is looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 100)
