"""Walks the plan's faults through their windows, proves each with canaries, and writes everything down as it happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.canary import Canary, Probe
from gatebench.execution.chaos.lever import TTL_GRACE_NS, Lever
from gatebench.plan import PlannedFault

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


class Injector:
    """One thread a fault, so that windows may overlap. `journal(name, at_ns=None, **facts)` records an event.

    Events, each with `fault`, `name` and `on`: fault.requested, acknowledged (t0), proven, clear_requested, cleared (t1),
    proven_clear; fault.unproven and fault.unproven_clear when canaries disagree; fault.failed when the engine refused.
    """

    def __init__(self, switches: Sequence[Switch], journal: Journal) -> None:
        self._switches = switches
        self._journal = journal
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._active: dict[str, Switch] = {}
        self._lock = threading.Lock()

    def start(self, t0_ns: int) -> None:
        """Begin to walk; windows count from `t0_ns` of the monotonic clock."""
        for switch in self._switches:
            thread = threading.Thread(
                target=self._walk, args=(switch, t0_ns), name=f"fault-{switch.fault.id}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def active(self) -> list[str]:
        """Return the names of the faults that are on now."""
        with self._lock:
            return [f"{switch.fault.name} on {switch.fault.on}" for switch in self._active.values()]

    def stop(self, patience_s: float = 5.0) -> None:
        """Clear everything now and wait for the proofs; faults whose window has not come never will."""
        self._stopping.set()
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            left = list(self._active.values())
        for switch in left:
            self._clear(switch)

    def join(self, within_s: float) -> None:
        """Wait until every window is over and proven clear."""
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _walk(self, switch: Switch, t0_ns: int) -> None:
        fault = switch.fault
        try:
            if not self._sleep_until(t0_ns + fault.start_ns - _LEAD_NS):
                return
            self._note_probes(switch, "before", switch.canary.before())
            if not self._sleep_until(t0_ns + fault.start_ns):
                return
            self._apply(switch)
            try:
                self._prove(switch, t0_ns + fault.end_ns)
                if self._sleep_until(t0_ns + fault.end_ns - switch.canary.timeout_ns - _MARGIN_NS):
                    self._prove_still_on(switch)
                self._sleep_until(t0_ns + fault.end_ns)
            finally:
                self._clear(switch)
            self._prove_clear(switch)
        except EnvironmentFailure as error:
            self._say("failed", fault, why=error.what)
        except Exception as error:  # whatever it is, the run must hear of it: a thread's traceback reaches nobody
            self._say("failed", fault, why=f"{type(error).__name__}: {error}")
        finally:
            switch.canary.close()

    def _apply(self, switch: Switch) -> None:
        fault = switch.fault
        self._say("requested", fault)
        with self._lock:
            self._active[fault.id] = switch
        try:
            at_ns = switch.lever.apply(fault.end_ns - fault.start_ns + TTL_GRACE_NS)
        except EnvironmentFailure:
            with self._lock:
                self._active.pop(fault.id, None)
            raise
        self._say("acknowledged", fault, at_ns)

    def _prove(self, switch: Switch, end_ns: int) -> None:
        """Show that the fault bites; a noisy machine gets three tries for a ratio, and everyone's answer is kept."""
        for _ in range(_PROOF_TRIES):
            probes = switch.canary.during()
            fidelity = switch.canary.fidelity(probes)
            self._note_probes(switch, "during", probes)
            if switch.canary.bites(probes):
                self._say("proven", switch.fault, fidelity=fidelity)
                return
            late = time.monotonic_ns() + switch.canary.timeout_ns > end_ns
            if switch.fault.definition.effect == "yes/no" or self._stopping.is_set() or late:
                break
        self._say("unproven", switch.fault, fidelity=fidelity, met=sorted({probe.met for probe in probes}))

    def _prove_still_on(self, switch: Switch) -> None:
        """Show, shortly before the window ends, that the fault did not vanish half-way."""
        probes = switch.canary.during()
        self._note_probes(switch, "during", probes)
        if not all(switch.canary.accepts(probe) for probe in probes):
            self._say(
                "unproven", switch.fault, met=sorted({probe.met for probe in probes}), when="at the end of its window"
            )

    def _clear(self, switch: Switch) -> None:
        fault = switch.fault
        with self._lock:
            if self._active.pop(fault.id, None) is None:
                return
        try:
            self._say("clear_requested", fault)
        finally:  # a full disk must not keep a fault on
            cleared = switch.lever.clear()
        facts = {} if cleared.hits is None else {"hits": cleared.hits}
        self._say("cleared", fault, cleared.at_ns, **facts)

    def _prove_clear(self, switch: Switch) -> None:
        deadline = time.monotonic_ns() + _CLEAR_PATIENCE_NS
        while True:
            probes = switch.canary.after()
            self._note_probes(switch, "after", probes)
            if switch.canary.is_gone(probes):
                self._say("proven_clear", switch.fault)
                return
            if time.monotonic_ns() > deadline:
                self._say("unproven_clear", switch.fault, met=sorted({probe.met for probe in probes}))
                return
            time.sleep(_RETRY_S)

    def _note_probes(self, switch: Switch, stage: str, probes: Sequence[Probe]) -> None:
        for probe in probes:
            expected = switch.canary.expected(probe.pooled) if stage == "during" else ("answer",)
            self._journal(
                "canary",
                fault=switch.fault.id,
                stage=stage,
                pooled=probe.pooled,
                expected=" or ".join(expected),
                met=probe.met,
                ok=probe.met in expected,
                took_ns=probe.took_ns,
            )

    def _say(self, what: str, fault: PlannedFault, at_ns: int | None = None, **facts: object) -> None:
        self._journal(f"fault.{what}", at_ns, fault=fault.id, name=fault.name, on=fault.on, **facts)

    def _sleep_until(self, at_ns: int) -> bool:
        """Sleep until a moment; False when the run is being stopped."""
        return not self._stopping.wait(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
