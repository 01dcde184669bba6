"""Takes orders for faults while a topology stands: from a second terminal, over a Unix socket of this user's.

One JSON line comes in, one goes out. Orders: status; inject (planned faults, their windows counted from now, under a ticket)
and clear (everything, or what was put on under a ticket).
"""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from pydantic import ValidationError

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.injector import Injector, Journal, Switch, Walk
from gatebench.execution.desk_state import DeskState, desks
from gatebench.execution.places import overlapping, places
from gatebench.execution.topology.topology import Topology
from gatebench.plan import MANUAL_IDS, Plan, PlannedFault
from gatebench.run.folder import RunFolder
from gatebench.shapes import LEAST_REST_S

_LEAD_NS = 800_000_000
_NS = 1_000_000_000
_REST_NS = round(LEAST_REST_S * _NS)
_LONGEST_LINE = 4_000_000
_LONGEST_PLACE = 70
_TELL_S = 15.0
_REMEMBERED_S = 3600.0

Answer = dict[str, Any]


class Desk:
    """The orders of one topology. `t0_ns` is what windows count from, `end_ns` when the load ends, None if there is none."""

    def __init__(
        self,
        plan: Plan,
        injector: Injector,
        journal: Journal,
        make_switch: Callable[[PlannedFault], Switch],
        *,
        t0_ns: int,
        end_ns: int | None = None,
    ) -> None:
        self._plan = plan
        self._injector = injector
        self._journal = journal
        self._make_switch = make_switch
        self._t0_ns = t0_ns
        self._end_ns = end_ns
        self._free = list(MANUAL_IDS)
        self._tickets: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def obey(self, order: Any) -> Answer:
        """Carry out one order and return what came of it; `problems` says what was wrong with it."""
        match order:
            case {"op": "status"}:
                return {"faults": [self._row(walk) for walk in self._injector.walks()], "most": self._plan.most_faults}
            case {"op": "inject", "faults": list() as faults}:
                return self._inject(faults, order.get("ticket"))
            case {"op": "clear"}:
                return self._clear(order.get("ticket"))
        return {"problems": ["nobody knows this order; it is status, inject or clear."]}

    def unreachable(self, why: OSError) -> None:
        """Write down that no second terminal can find this desk."""
        self._journal("desk.unreachable", why=str(why))

    def _inject(self, given: Sequence[Any], ticket: object) -> Answer:
        try:
            faults = [PlannedFault.model_validate(fault) for fault in given]
        except ValidationError as error:
            return {"problems": [f"this is no planned fault: {error}"]}
        with self._lock:
            self._recycle(len(faults))
            begin_ns = time.monotonic_ns() + _LEAD_NS - self._t0_ns
            faults = [self._numbered(fault, number, begin_ns) for number, fault in enumerate(faults)]
            problems = self._problems(faults)
            if problems:
                return {"problems": problems}
            del self._free[: len(faults)]
            if isinstance(ticket, str):
                self._tickets[ticket] = {fault.id for fault in faults}
            walks = []
            for fault in faults:
                self._journal(
                    "fault.planned",
                    fault=fault.id,
                    name=fault.name,
                    on=fault.on,
                    by="bench chaos",
                    planned=fault.model_dump(mode="json"),
                )
                walks.append(self._injector.add(self._make_switch(fault), self._t0_ns))
        if len(walks) == 1 and not walks[0].fault.chaos:  # whoever walks through a plan asks for himself
            walks[0].told.wait((walks[0].fault.proven_at_ns - begin_ns + _LEAD_NS) / _NS + _TELL_S)
        return {"faults": [self._row(walk) for walk in walks]}

    def _recycle(self, wanted: int) -> None:
        """Take ids of faults that are over for new ones: what just stands may stand for long. A run's stay unique."""
        if self._end_ns is None and len(self._free) < wanted:
            over = (walk.fault.id for walk in self._injector.walks() if walk.over.is_set())
            self._free += [id for id in over if id not in self._free]

    def _numbered(self, fault: PlannedFault, number: int, begin_ns: int) -> PlannedFault:
        """Return the fault with an id of its own, on the clock of the load."""
        return fault.model_copy(
            update={
                "id": self._free[number] if number < len(self._free) else "",
                "start_ns": fault.start_ns + begin_ns,
                "end_ns": fault.end_ns + begin_ns,
                "steps": tuple(step.model_copy(update={"at_ns": step.at_ns + begin_ns}) for step in fault.steps),
                "phase": self._phase_at(fault.start_ns + begin_ns),
                "manual": True,
            }
        )

    def _problems(self, faults: Sequence[PlannedFault]) -> list[str]:
        """Return why these faults cannot be had now."""
        if self._injector.is_ending:
            return ["everything is being taken down; no fault begins any more."]
        problems = []
        if len(faults) > len(self._free):
            problems.append(
                f"{len(faults)} windows are asked for and {len(self._free)} of the {len(MANUAL_IDS)} that a topology takes from a "
                "second terminal are left; write them into a fault plan of a scenario."
            )
        target = self._plan.target
        known = places((provider.name for provider in self._plan.providers), target)
        problems += [
            f"{fault.name} is put on {fault.on}, which is not here; choose one of {', '.join(known.of(fault.definition.layer))}."
            for fault in faults
            if fault.on not in known.of(fault.definition.layer)
        ]
        there = [self._widened(walk.fault) for walk in self._injector.walks() if not walk.over.is_set()]
        for place, fault in enumerate(faults):
            others = [*there, *faults[:place]]
            problems += [why for why in (overlapping(other, fault) for other in others) if why is not None]
            together = [other for other in others if other.start_ns < fault.end_ns and fault.start_ns < other.end_ns]
            if len(together) >= self._plan.most_faults:
                problems.append(
                    f"{len(together)} faults are on at that time, and {self._plan.most_faults} is the most."
                )
            if self._end_ns is not None and self._t0_ns + fault.end_ns > self._end_ns:
                left_s = max(0.0, (self._end_ns - time.monotonic_ns()) / _NS)
                problems.append(
                    f"{fault.name} would run past the end of the load, which is in {left_s:.1f} s; shorten it."
                )
        return list(dict.fromkeys(problems))

    def _widened(self, fault: PlannedFault) -> PlannedFault:
        """Return a fault that is not over with the time that its proofs take around its window; its end may be late."""
        now_ns = time.monotonic_ns() - self._t0_ns + _LEAD_NS
        begins_ns, ends_ns = fault.start_ns - _REST_NS, fault.end_ns + _REST_NS
        return fault.model_copy(update={"start_ns": begins_ns, "end_ns": max(ends_ns, now_ns)})

    def _clear(self, ticket: object) -> Answer:
        self._journal("chaos.clear", by="bench chaos")
        with self._lock:
            pass  # an order that is being taken in is cleared whole
        try:
            ended = self._injector.clear(only=self._tickets.get(ticket, ()) if isinstance(ticket, str) else None)
        except EnvironmentFailure as error:
            return {"problems": [error.what]}
        return {"cleared": [f"{fault.name} on {fault.on}" for fault in ended]}

    def _phase_at(self, at_ns: int) -> str:
        if self._end_ns is None:
            return ""
        return next((phase.name for phase in self._plan.phases if at_ns < phase.end_ns), "")

    @staticmethod
    def _row(walk: Walk) -> Answer:
        """Return where a fault stands; times are those of the wall clock."""
        fault = walk.fault
        wall_s = time.time() - time.monotonic()

        def unix(at_ns: int | None) -> float | None:
            return None if at_ns is None else at_ns / _NS + wall_s

        begun = walk.since_ns is not None  # it counts as on until it is proven clear
        state = "failed" if walk.failed else "over" if walk.over.is_set() else "on" if begun else "to come"
        return {
            "id": fault.id,
            "name": fault.name,
            "on": fault.on,
            "state": state,
            "parameters": fault.parameters,
            "manual": fault.manual,
            "part": fault.part,
            "from_unix": unix(walk.at_ns(fault.start_ns)),
            "to_unix": unix(walk.at_ns(fault.end_ns)),
            "since_unix": unix(walk.since_ns),
            "ended_unix": unix(walk.until_ns),
            "proven": walk.proven,
            "failed": walk.failed,
        }


class DeskServer:
    """A desk with its socket and its state file, from `open` to `close`."""

    def __init__(self, desk: Desk, state: DeskState) -> None:
        self._desk = desk
        self._state = state
        self._server: _Server | None = None

    def __enter__(self) -> DeskServer:
        try:
            for gone in desks():
                if not gone.lives and time.time() - gone.since_unix > _REMEMBERED_S:
                    gone.forget()  # its guardian ended everything long ago
            self._server = _Server(self._state.socket, self._desk)
            threading.Thread(
                target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="desk", daemon=True
            ).start()
            self._state.write()
        except OSError as error:  # a state folder that cannot be written keeps nobody from measuring
            self._desk.unreachable(error)
        return self

    def __exit__(self, *_: object) -> None:
        self._state.forget()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def desk_state(
    plan: Plan, topology: Topology, folder: RunFolder, *, kind: str, name: str, ends_unix: float | None = None
) -> DeskState:
    """Return the state of a desk that this process opens; its socket has a short path of its own, as sockets must."""
    engine = topology.engine
    assert engine is not None  # noqa: S101 - the topology is up
    process = psutil.Process()
    known = places((provider.name for provider in plan.providers), plan.target)
    return DeskState.model_validate(
        {
            "kind": kind,
            "name": name,
            "token": plan.token,
            "pid": process.pid,
            "started": process.create_time(),
            "since_unix": time.time(),
            "ends_unix": ends_unix,
            "folder": str(folder.path.resolve()),
            "socket": str(_socket_folder() / "desk"),
            "engine": plan.engine,
            "engine_url": engine.url,
            "prefix": topology.prefix,
            "admins": {provider: [place.url for place in own] for provider, own in topology.admins.items()},
            "admin_token": topology.admin_token,
            "places": {"link": known.link, "provider": known.provider, "process": known.process},
            "allow_remote": plan.allow_remote,
        }
    )


def _socket_folder() -> Path:
    """Make a private folder with a path short enough for a socket, wherever temporary files go here."""
    place = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="gatebench-", dir=place if len(place) < _LONGEST_PLACE else "/tmp"))  # noqa: S108


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False  # whoever waits for a proof while everything is taken down need not hear of it

    def __init__(self, path: str, desk: Desk) -> None:
        self.desk = desk
        super().__init__(path, _Orders)
        os.chmod(path, 0o600)  # noqa: PTH101 - a socket, not a file

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no trouble of ours."""


class _Orders(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Take one line, answer with one."""
        line = self.rfile.readline(_LONGEST_LINE)
        try:
            answer = self.server.desk.obey(json.loads(line))
        except json.JSONDecodeError as error:
            answer = {"problems": [f"this is not JSON: {error}"]}
        except Exception as error:  # the caller must hear of it; the topology goes on
            answer = {"problems": [f"{type(error).__name__}: {error}"]}
        with contextlib.suppress(OSError):
            self.wfile.write(json.dumps(answer).encode() + b"\n")
