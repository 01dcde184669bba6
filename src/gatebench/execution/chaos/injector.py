"""Walks faults through their windows, proves each with canaries, and writes everything down as it happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.canary import Canary, Probe
from gatebench.execution.chaos.lever import TTL_GRACE_NS, Lever
from gatebench.plan import FaultStep, PlannedFault

_LEAD_NS = 600_000_000
_MARGIN_NS = 200_000_000
_PROOF_TRIES = 3
_CLEAR_PATIENCE_NS = 3_000_000_000
_RETRY_S = 0.1

Journal = Callable[..., int]


@dataclass(frozen=True)
class Switch:
    """A planned fault with its lever and its canary."""

    fault: PlannedFault
    lever: Lever
    canary: Canary


@dataclass
class Walk:
    """One fault on its way through its window: where it stands, on the monotonic clock."""

    switch: Switch
    t0_ns: int
    stopping: threading.Event = field(default_factory=threading.Event)
    since_ns: int | None = None
    until_ns: int | None = None
    proven: bool | None = None
    failed: str | None = None
    over: threading.Event = field(default_factory=threading.Event)
    told: threading.Event = field(default_factory=threading.Event)  # proven, unproven or failed
    thread: threading.Thread | None = None
    hands: threading.Lock = field(default_factory=threading.Lock)  # one at a time is at the lever

    @property
    def fault(self) -> PlannedFault:
        """The fault that walks."""
        return self.switch.fault

    @property
    def is_on(self) -> bool:
        """Whether its engine has it on."""
        return self.since_ns is not None and self.until_ns is None

    def at_ns(self, planned_ns: int) -> int:
        """Return a planned moment on the monotonic clock."""
        return self.t0_ns + planned_ns


class Injector:
    """One thread a fault, so that windows may overlap. `journal(name, at_ns=None, **facts)` records an event.

    Events, each with `fault`, `name` and `on`: fault.requested, acknowledged (t0), proven, changed (the next step of a ramp),
    clear_requested, cleared (t1), proven_clear; fault.unproven and fault.unproven_clear when canaries disagree; fault.failed
    when the engine refused.
    """

    def __init__(self, switches: Sequence[Switch], journal: Journal) -> None:
        self._switches = switches
        self._journal = journal
        self._walks: dict[str, Walk] = {}
        self._ending = False
        self._lock = threading.Lock()

    def start(self, t0_ns: int) -> None:
        """Begin to walk; windows count from `t0_ns` of the monotonic clock."""
        for switch in self._switches:
            self.add(switch, t0_ns)

    def add(self, switch: Switch, t0_ns: int) -> Walk:
        """Let one more fault walk through its window; EnvironmentFailure when everything is ending."""
        walk = Walk(switch, t0_ns)
        walk.thread = threading.Thread(target=self._walk, args=(walk,), name=f"fault-{switch.fault.id}", daemon=True)
        with self._lock:
            if self._ending:
                raise EnvironmentFailure("Everything is being taken down; no fault begins any more.")
            self._walks[switch.fault.id] = walk
        walk.thread.start()
        return walk

    @property
    def is_ending(self) -> bool:
        """Whether no fault begins any more."""
        return self._ending

    def walks(self) -> list[Walk]:
        """Return every fault that was planned or added, in that order."""
        with self._lock:
            return list(self._walks.values())

    def active(self) -> list[str]:
        """Return the names of the faults that are on now."""
        return [f"{walk.fault.name} on {walk.fault.on}" for walk in self.walks() if walk.is_on]

    def clear(self, patience_s: float = 5.0, only: Collection[str] | None = None) -> list[PlannedFault]:
        """Clear what is on, and call off what is yet to come; returns the faults that this ended or prevented.

        `only` are the ids that are meant, None for all. Raises the first EnvironmentFailure of an engine when all were tried.
        """
        ended = [walk for walk in self.walks() if not walk.over.is_set() and (only is None or walk.fault.id in only)]
        for walk in ended:
            walk.stopping.set()
        deadline = time.monotonic() + patience_s
        for walk in ended:
            walk.over.wait(max(0.0, deadline - time.monotonic()))
        failures: list[EnvironmentFailure] = []
        for walk in ended:
            try:
                self._clear(walk)
            except EnvironmentFailure as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return [walk.fault for walk in ended]

    def stop(self, patience_s: float = 5.0) -> None:
        """Clear everything now and wait for the proofs; faults whose window has not come never will, and none is added."""
        with self._lock:
            self._ending = True
        self.clear(patience_s)

    def join(self, within_s: float) -> None:
        """Wait until every window is over and proven clear."""
        deadline = time.monotonic() + within_s
        for walk in self.walks():
            walk.over.wait(max(0.0, deadline - time.monotonic()))

    def _walk(self, walk: Walk) -> None:
        fault, canary = walk.fault, walk.switch.canary
        try:
            if not self._sleep_until(walk, walk.at_ns(fault.start_ns) - _LEAD_NS):
                return
            self._note_probes(walk, "before", canary.before())
            if not self._sleep_until(walk, walk.at_ns(fault.start_ns)):
                return
            if not self._apply(walk):
                return
            try:
                self._ride(walk)
            finally:
                self._clear(walk)
            self._prove_clear(walk)
        except EnvironmentFailure as error:
            self._fail(walk, error.what)
        except Exception as error:  # whatever it is, the run must hear of it: a thread's traceback reaches nobody
            self._fail(walk, f"{type(error).__name__}: {error}")
        finally:
            canary.close()
            walk.told.set()
            walk.over.set()

    def _apply(self, walk: Walk) -> bool:
        """Put the fault on; False when it was called off in the same breath. Whoever clears waits until it is on."""
        fault = walk.fault
        with walk.hands:
            if walk.stopping.is_set():
                return False
            self._say("requested", fault)
            walk.since_ns = time.monotonic_ns()
            try:
                at_ns = walk.switch.lever.apply(fault.end_ns - fault.start_ns + TTL_GRACE_NS)
            except EnvironmentFailure:
                walk.since_ns = None
                raise
            walk.since_ns = at_ns
        self._say("acknowledged", fault, at_ns)
        return True

    def _ride(self, walk: Walk) -> None:
        """Take the steps of a ramp, and prove the fault when what is proven begins and shortly before it ends."""
        fault, canary = walk.fault, walk.switch.canary
        last_look_ns = max(fault.proven_at_ns + 1, fault.proven_until_ns - canary.timeout_ns - _MARGIN_NS)
        moments: list[tuple[int, Callable[[], None]]] = [
            *((step.at_ns, partial(self._change, walk, step)) for step in fault.steps[1:]),
            (fault.proven_at_ns, partial(self._prove, walk, walk.at_ns(fault.proven_until_ns))),
            (last_look_ns, partial(self._prove_still_on, walk)),
        ]
        for at_ns, act in sorted(moments, key=lambda moment: moment[0]):
            if not self._sleep_until(walk, walk.at_ns(at_ns)):
                return
            act()
        self._sleep_until(walk, walk.at_ns(fault.end_ns))

    def _change(self, walk: Walk, step: FaultStep) -> None:
        with walk.hands:
            if not walk.is_on:
                return
            ttl_ns = walk.at_ns(walk.fault.end_ns) - time.monotonic_ns() + TTL_GRACE_NS
            at_ns = walk.switch.lever.change(step.parameters, max(1, ttl_ns))
        self._say("changed", walk.fault, at_ns, parameters=step.parameters)

    def _prove(self, walk: Walk, end_ns: int) -> None:
        """Show that the fault bites; a noisy machine gets three tries for a ratio, and everyone's answer is kept."""
        canary = walk.switch.canary
        for _ in range(_PROOF_TRIES):
            probes = canary.during(end_ns - time.monotonic_ns() - 2 * canary.timeout_ns - _MARGIN_NS)
            fidelity = canary.fidelity(probes)
            self._note_probes(walk, "during", probes)
            if canary.bites(probes):
                walk.proven = True
                self._say("proven", walk.fault, fidelity=fidelity)
                walk.told.set()
                return
            late = time.monotonic_ns() + canary.timeout_ns > end_ns
            if walk.fault.definition.effect == "yes/no" or walk.stopping.is_set() or late:
                break
        walk.proven = False
        self._say("unproven", walk.fault, fidelity=fidelity, met=sorted({probe.met for probe in probes}))
        walk.told.set()

    def _prove_still_on(self, walk: Walk) -> None:
        """Show, shortly before the window ends, that the fault did not vanish half-way."""
        canary = walk.switch.canary
        probes = canary.during()
        self._note_probes(walk, "during", probes)
        if not all(canary.accepts(probe) for probe in probes):
            walk.proven = False
            met = sorted({probe.met for probe in probes})
            self._say("unproven", walk.fault, met=met, when="at the end of its window")

    def _clear(self, walk: Walk) -> None:
        with walk.hands:
            if not walk.is_on:
                return
            walk.until_ns = time.monotonic_ns()
            try:
                self._say("clear_requested", walk.fault)
            finally:  # a full disk must not keep a fault on
                cleared = walk.switch.lever.clear()
            walk.until_ns = cleared.at_ns
        facts = {} if cleared.hits is None else {"hits": cleared.hits}
        self._say("cleared", walk.fault, cleared.at_ns, **facts)

    def _prove_clear(self, walk: Walk) -> None:
        canary = walk.switch.canary
        deadline = time.monotonic_ns() + _CLEAR_PATIENCE_NS
        while True:
            probes = canary.after()
            self._note_probes(walk, "after", probes)
            if canary.is_gone(probes):
                self._say("proven_clear", walk.fault)
                return
            if time.monotonic_ns() > deadline:
                self._say("unproven_clear", walk.fault, met=sorted({probe.met for probe in probes}))
                return
            time.sleep(_RETRY_S)

    def _fail(self, walk: Walk, why: str) -> None:
        walk.failed = why
        self._say("failed", walk.fault, why=why)

    def _note_probes(self, walk: Walk, stage: str, probes: Sequence[Probe]) -> None:
        for probe in probes:
            expected = walk.switch.canary.expected(probe.pooled) if stage == "during" else ("answer",)
            self._journal(
                "canary",
                fault=walk.fault.id,
                stage=stage,
                pooled=probe.pooled,
                expected=" or ".join(expected),
                met=probe.met,
                ok=probe.met in expected,
                took_ns=probe.took_ns,
            )

    def _say(self, what: str, fault: PlannedFault, at_ns: int | None = None, **facts: object) -> None:
        self._journal(f"fault.{what}", at_ns, fault=fault.id, name=fault.name, on=fault.on, **facts)

    @staticmethod
    def _sleep_until(walk: Walk, at_ns: int) -> bool:
        """Sleep until a moment; False when the fault is being stopped."""
        return not walk.stopping.wait(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
