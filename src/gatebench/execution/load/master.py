"""The master of several workers: lets them in, aligns their clocks, starts them together, and takes what the far ones send.

It runs in a load process of its own and tells the parent, over its channel, which port it listens on, who joined, how the
workers on other machines get on and end, and every worker's clock.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import gevent
import locust.runners
from gevent.event import AsyncResult, Event
from locust.env import Environment

from gatebench.alignment import Exchange, Reading, reading
from gatebench.execution.load import joining
from gatebench.execution.load.channel import Channel, obey
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.machine import machine
from gatebench.execution.load.member import Inbox, Member

EXCHANGES: Final = 40
_PONG_S: Final = 2.0
_CHECK_S: Final = 1.0
_POLL_S: Final = 0.02
_FAREWELL_S: Final = 0.3
_MOST_STRANGERS: Final = 256

Data = Mapping[str, Any]
Deaf = Callable[[str, Any], None]


class Door(locust.runners.MasterRunner):  # type: ignore[misc]  # the type checker does not follow Locust
    """Locust's master, which hears nobody who has not shown the token.

    Locust itself would count every process that connects as a worker and hand users to it.
    """

    def __init__(self, environment: Environment, host: str, port: int, strangers: Mapping[str, Deaf]) -> None:
        self.admitted: dict[str, Member] = {}
        self._strangers = strangers
        super().__init__(environment, host, port)
        environment.runner = self

    def client_listener(self) -> None:
        """Go on listening when somebody sends what no worker would."""
        while True:
            try:
                super().client_listener()
            except Exception as error:
                locust.runners.logger.warning("A message that is none was passed over: %r", error)

    def handle_message(self, client_id: str, msg: Any) -> None:
        """Pass on what a member says; of a stranger, only what is needed to become one."""
        if msg.node_id != client_id:
            return
        member = self.admitted.get(client_id)
        if member is not None:
            member.silence.hear()
            if msg.type != "client_ready":  # said more than once, it would have Locust hand out users anew
                super().handle_message(client_id, msg)
        elif msg.type == "client_ready":
            self.send_message("ack", {"index": 0}, client_id)
        elif msg.type in self._strangers and isinstance(msg.data, dict):
            self._strangers[msg.type](client_id, msg.data)

    def admit(self, member: Member) -> None:
        """Make it a worker of Locust's."""
        self.admitted[member.client_id] = member
        patience = locust.runners.HEARTBEAT_LIVENESS  # Locust's default was fixed before we turned its search off
        self.clients[member.client_id] = locust.runners.WorkerNode(member.client_id, heartbeat_liveness=patience)

    def forget(self, member: Member) -> None:
        """Hear it no more."""
        self.admitted.pop(member.client_id, None)
        self.clients.pop(member.client_id, None)


class Master:
    """The members of one run, and what is said between them and us."""

    def __init__(self, config: WorkerConfig, token: str, headers: list[str], channel: Channel, user: type) -> None:
        if config.parts_path is None:
            raise ValueError("a master needs to know where the rows of its guests go")
        load = config.plan.load
        self._parts = config.parts_path
        self._config = config
        self._token = token
        self._headers = headers
        self._channel = channel
        self._ours = machine()
        self._workers = load.workers
        self._locals = load.workers - load.remote_workers
        self._nonces: dict[str, tuple[str, str]] = {}
        self._seats: dict[int, Member] = {}
        self._inboxes: dict[int, Inbox] = {}
        self._pongs: dict[str, AsyncResult] = {}
        self._started = False
        host, port = load.listens_on()
        strangers = {joining.JOIN: self._on_join, joining.HELLO: self._on_hello}
        self._door = Door(Environment(user_classes=[user]), host, port, strangers)
        listeners = {
            joining.SEATED: self._on_seated,
            joining.MANNED: self._on_manned,
            joining.PONG: self._on_pong,
            joining.ROWS: self._on_rows,
            joining.PROGRESS: self._on_progress,
            joining.OVER: self._on_over,
        }
        for name, listener in listeners.items():
            self._door.register_message(name, self._member_listener(listener))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._door.server.port)

    def gather(self) -> None:
        """Wait for all to be seated, have each spawn its user, read their clocks, and say that the load may begin."""
        while not self._all(lambda member: member.seated):
            gevent.sleep(_POLL_S)
        self._started = True
        self._door.start(self._workers, spawn_rate=self._workers)
        while not self._all(lambda member: member.manned):
            gevent.sleep(_POLL_S)
        for member in self._seats.values():
            member.before = self._read_clock(member)
            self._tell_record(member)
        self._channel.say({"ready": True, "pid": os.getpid()})

    def begin(self, t0_ns: int) -> None:
        """Give every worker the schedule's zero, on its own clock."""
        for member in self._seats.values():
            self._send(member, joining.BEGIN, {"t0_ns": member.begins_at(t0_ns)})
        gevent.spawn(self._check_clocks)

    def stop(self, _: object = None) -> None:
        """Have the workers on other machines stop and send what they have; the parent tells its own."""
        for member in self._far():
            self._send(member, joining.STOP, None)

    def watch(self) -> None:
        """Notice the workers on other machines that fall silent."""
        while True:
            gevent.sleep(joining.TICK_S)
            for member in self._far():
                if member.silence.tick():
                    self._lose(member, f"nothing was heard from it for {joining.SILENCE_S:g} s")

    def _on_join(self, client_id: str, data: Data) -> None:
        if len(self._nonces) >= _MOST_STRANGERS:
            self._nonces.pop(next(iter(self._nonces)))
        theirs, ours = str(data.get("nonce")), joining.new_nonce()
        self._nonces[client_id] = theirs, ours
        shown = joining.proof(self._token, "master", theirs, ours)
        self._door.send_message(joining.CHALLENGE, {"nonce": ours, "proof": shown}, client_id)

    def _on_hello(self, client_id: str, data: Data) -> None:
        nonces, facts = self._nonces.pop(client_id, None), data.get("facts")
        if nonces is None or not joining.proven(data.get("proof"), self._token, "worker", *nonces):
            self._refuse(client_id, "The worker does not know the token of this run.")
            return
        if not isinstance(facts, dict):
            return
        seat = facts.get("worker")
        remote = seat is None
        seats = range(self._locals, self._workers) if remote else range(self._locals)
        free = [number for number in seats if number not in self._seats and (remote or number == seat)]
        why = joining.refusal(self._ours, facts, self._headers) if remote else None
        if why or not free:
            self._refuse(client_id, why or "The run has all the workers that it asked for.")
            return
        one_clock = not remote or facts.get("clock") == self._ours["clock"]
        member = Member(client_id, free[0], remote=remote, one_clock=one_clock, facts=facts)
        self._seats[member.worker] = member
        self._door.admit(member)
        welcome: dict[str, Any] = {}
        if remote:
            self._inboxes[member.worker] = Inbox(self._parts, member.worker)
            welcome = {"config": self._config.for_guest(member.worker)}
        self._send(member, joining.WELCOME, welcome)

    def _refuse(self, client_id: str, why: str) -> None:
        self._door.send_message(joining.REFUSAL, {"why": why}, client_id)
        self._channel.say({"refused": why})

    def _on_seated(self, member: Member, _: Data) -> None:
        member.seated = True
        self._channel.say({"joined": member.worker})

    def _on_manned(self, member: Member, _: Data) -> None:
        member.manned = True

    def _on_pong(self, member: Member, data: Data) -> None:
        returned_ns = time.monotonic_ns()
        exchange = Exchange(int(data["asked_ns"]), int(data["heard_ns"]), int(data["answered_ns"]), returned_ns)
        waiting = self._pongs.pop(member.client_id, None)
        if waiting is not None:
            waiting.set(exchange)

    def _on_rows(self, member: Member, data: Data) -> None:
        if member.remote and not member.over:
            size = self._inboxes[member.worker].take(int(data["offset"]), bytes(data["data"]))
            self._send(member, joining.TAKEN, {"size": size})

    def _on_progress(self, member: Member, data: Data) -> None:
        if member.remote:
            self._channel.say({"remote": {"worker": member.worker, "progress": dict(data)}})

    def _on_over(self, member: Member, data: Data) -> None:
        """The end of a worker on another machine: all rows are here, or it would not say so."""
        if not member.remote or self._inboxes[member.worker].size != int(data["size"]):
            return
        if member.over:
            self._send(member, joining.FAREWELL, None)
            return
        member.over = True
        gevent.spawn(self._take_leave, member, data)

    def _take_leave(self, member: Member, data: Data) -> None:
        why = data.get("why")
        if not self._started:  # it changed its mind before anything depended on it: its seat is free again
            del self._seats[member.worker]
            self._send(member, joining.FAREWELL, None)
            self._door.forget(member)
            self._channel.say({"refused": f"A worker left again: {why}"})
            return
        member.after = self._read_clock(member) if member.before is not None else None
        self._tell_record(member)
        facts = self._inboxes[member.worker].finish(data["facts"], member.alignment())
        ended = {"lost": why} if why else {"finished": facts}
        self._channel.say({"remote": {"worker": member.worker, **ended}})
        self._send(member, joining.FAREWELL, None)

    def _lose(self, member: Member, why: str) -> None:
        member.over = True
        self._door.forget(member)
        if self._started:
            self._channel.say({"remote": {"worker": member.worker, "lost": why}})
        else:
            del self._seats[member.worker]
            self._channel.say({"refused": f"A worker left again: {why}."})

    def _read_clock(self, member: Member) -> Reading | None:
        """Return a reading of the worker's clock; None when it does not answer."""
        found: list[Exchange] = []
        for _ in range(EXCHANGES):
            exchange = self._exchange(member)
            if exchange is None:
                break
            found.append(exchange)
        return reading(found) if found else None

    def _exchange(self, member: Member) -> Exchange | None:
        waiting = self._pongs[member.client_id] = AsyncResult()
        if member.client_id not in self._door.admitted:
            return None
        self._send(member, joining.PING, {"asked_ns": time.monotonic_ns()})
        found = waiting.wait(_PONG_S)
        return found if isinstance(found, Exchange) else None

    def _check_clocks(self) -> None:
        """Ask now and then how late it is elsewhere: the readings at both ends say nothing about the middle."""
        while True:
            gevent.sleep(_CHECK_S)
            for member in self._far():
                if not member.alignment().same and (exchange := self._exchange(member)) is not None and not member.over:
                    member.between.append(exchange)

    def _far(self) -> list[Member]:
        return [member for member in self._seats.values() if member.remote and not member.over]

    def _all(self, has: Callable[[Member], bool]) -> bool:
        return len(self._seats) == self._workers and all(has(member) for member in self._seats.values())

    def _member_listener(self, listener: Callable[[Member, Data], None]) -> Callable[..., None]:
        def heard(msg: Any, **_: Any) -> None:
            member = self._door.admitted.get(msg.node_id)
            if member is not None:
                listener(member, msg.data if isinstance(msg.data, dict) else {})

        return heard

    def _send(self, member: Member, name: str, data: Any) -> None:
        self._door.send_message(name, data, member.client_id)

    def _tell_record(self, member: Member) -> None:
        self._channel.say({"record": member.record(self._ours).model_dump(mode="json")})


def serve(
    config: WorkerConfig,
    first: Mapping[str, Any],
    channel: Channel,
    messages: Iterator[dict[str, Any]],
    user: type,
) -> int:
    """Be the master until told to go; `first` is the parent's first message, with the token and the headers."""
    over = Event()
    master = Master(config, str(first.get("join_token")), sorted(first.get("headers", {})), channel, user)
    gevent.signal_handler(signal.SIGTERM, over.set)
    gevent.spawn(obey, messages, {"t0_ns": master.begin, "stop_remote": master.stop}, over.set)
    defects: list[BaseException] = []

    def fail(failed: Any) -> None:
        defects.append(failed.exception)
        over.set()

    for duty in (master.gather, master.watch):
        gevent.spawn(duty).link_exception(fail)
    channel.say({"master_port": master.port})
    over.wait()
    if config.plan.load.remote_workers:
        master.stop()
        gevent.sleep(_FAREWELL_S)  # the last words leave in the background
    channel.say({"finished": {}})
    for defect in defects:
        traceback.print_exception(defect)
    return 1 if defects else 0
