"""Proves from outside that a fault bites and that it is gone: small requests over the link it sits on, fresh and pooled."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

from gatebench.execution.chaos.chance import connections, interval, plausible, steadying
from gatebench.execution.chaos.effect import TIMED, effect_ms, payload_bytes
from gatebench.execution.chaos.line import HttpLine, Line, RedisLine
from gatebench.execution.chaos.provable import share, spread
from gatebench.execution.chaos.question import asked_of_link, asked_of_provider
from gatebench.execution.chaos.ramp import Ramp, ramp_of
from gatebench.execution.chaos.symptom import Met
from gatebench.faults import Expectation, FaultDefinition, Value
from gatebench.plan import PlannedFault, TlsPlan
from gatebench.stamp import KINDS, format_request_id

_TIMEOUT_S = 0.5
_QUICK_S = 0.1
_MARGIN_S = 0.3
_STALL_S = 1.5  # that this machine may stand still meanwhile
_FIDELITY_LOW, _FIDELITY_HIGH = 0.8, 1.2
_SILENT: Final = ("hang", "stall", "loss")
_CANARY = KINDS.index("canary")


@dataclass(frozen=True)
class Probe:
    """One canary request: what it met, and how long that took. `added_ns` is what a provider says that it added."""

    pooled: bool
    met: Met
    took_ns: int
    received: int
    added_ns: int = 0


@dataclass(frozen=True)
class Address:
    """Where the canaries of a fault go, and what they ask for there; those of a provider's fault ask what it is about."""

    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    tls: TlsPlan | None = None
    protocol: Literal["http", "redis"] = "http"


def timeout_s(definition: FaultDefinition, parameters: Mapping[str, Value]) -> float:
    """Return how long one canary may take under a fault: half a second, and twice the effect it is to measure."""
    if definition.proof.expect in TIMED:
        return _TIMEOUT_S + (4 if definition.proof.expect == "rate" else 2) * effect_ms(definition, parameters) / 1000
    return _TIMEOUT_S


def proof_needs_s(definition: FaultDefinition, parameters: Mapping[str, Value]) -> float:
    """Return how long a window must be for its proofs: one round at its beginning, one before its end, and a margin."""
    ramp = ramp_of(definition, parameters)
    settling_s = ramp.settling_s() if ramp else 0.0
    return settling_s + 2 * _round_s(definition, parameters) + _MARGIN_S


def _round_s(definition: FaultDefinition, parameters: Mapping[str, Value]) -> float:
    """Return how long the canaries of one round take, fresh and pooled ones together."""
    proof = definition.proof
    hit = share(definition, parameters)
    if proof.expect == "rate":  # one after the other: they would share what they measure
        _, slow = interval(connections(hit, proof.samples), hit)
        return 2 * slow * effect_ms(definition, parameters) / 1000
    if proof.expect in TIMED:
        return effect_ms(definition, parameters) / 1000 + _QUICK_S
    return _TIMEOUT_S if proof.expect in _SILENT else _QUICK_S


_DEAD: Final[tuple[Met, ...]] = ("eof", "reset")
"""Who is gone ends its connections; one that holds what was never read of it is reset instead (RFC 2525, 2.17). Which of them it is
depends on whether a canary's question was faster than the end of its connection."""


class Canary:
    """The canaries of one fault. `open` its pooled connections before the fault comes.

    Of a fault that hits only a share of the connections, as many are sent as show it, and each may meet what it promises
    or an answer. It is proven by how many met it: at least one, and a number inside the exact binomial interval of 99.9 %,
    over pooled connections and over fresh ones. That is also how a loss is proven: by the share of answers that are lost.
    """

    def __init__(self, fault: PlannedFault, address: Address, run: str) -> None:
        definition, parameters = fault.definition, fault.parameters
        self.fault = fault
        self._address = address
        self._run = run
        self._provider = definition.layer == "provider"
        self._question = asked_of_provider(definition, parameters) if self._provider else asked_of_link(address.path)
        self._numbers = itertools.count()
        self._pooled: list[Line] = []
        self._ratio = definition.effect == "ratio"
        self._timeout_s = timeout_s(definition, parameters)
        self._round_s = max(self._timeout_s, _round_s(definition, parameters))
        self._share = share(definition, parameters)
        self._samples = connections(self._share, steadying(spread(definition, parameters), definition.proof.samples))
        self._ramp: Ramp | None = ramp_of(definition, parameters)
        self._since_ns: int | None = None
        self._before: list[Probe] = []
        self._effect_ns = effect_ms(definition, parameters) * 1e6 if definition.proof.expect in TIMED else 0.0
        self._closing = definition.proof.expect == "close"
        # Silence may be what the fault promises, and a ratio is proven in another round; else this machine may have stood still.
        silent = definition.proof.expect in _SILENT or any("hang" in self.expected(pooled) for pooled in (True, False))
        self._stall_s = 0.0 if silent or self._ratio else _STALL_S

    @property
    def timeout_ns(self) -> int:
        """How long one round of canaries may take."""
        return round(self._round_s * 1e9)

    def before(self) -> list[Probe]:
        """Ask over fresh connections and keep them for later: all should answer."""
        self.close()
        self._since_ns = None
        lines = [self._line() for _ in range(self._samples)]
        self._pooled = [] if self._closing else lines  # what was closed to see its end cannot be kept
        self._before = self._ask(lines, pooled=0, keep=not self._closing)
        return self._before

    def during(self, spare_ns: int = 0) -> list[Probe]:
        """Ask over the connections from before and over as many fresh ones; what grows is given time to be seen.

        `spare_ns` is how much longer than `timeout_ns` the round may take: some of it is waited for answers that must come.
        """
        if self._since_ns is None:
            self._since_ns = time.monotonic_ns()
            if self._ramp is not None:
                time.sleep(self._ramp.settling_s())
        pooled, self._pooled = self._pooled, []
        lines = [*pooled, *(self._line() for _ in range(self._samples))]
        more_s = min(self._stall_s, spare_ns / 1e9)
        if more_s > 0:
            for line in lines:
                line.wait(self._timeout_s + more_s)
        return self._ask(lines, pooled=len(pooled), keep=False)

    def after(self) -> list[Probe]:
        """Ask over fresh connections: all should answer as before."""
        self._since_ns = None
        fresh = [self._line() for _ in range(self._samples)]
        return self._ask(fresh, pooled=0, keep=False)

    def accepts(self, probe: Probe) -> bool:
        """Tell whether a probe during the fault met what the fault promises."""
        return probe.met in self.expected(probe.pooled)

    def expected(self, pooled: bool) -> tuple[Met, ...]:
        """Return what a canary may meet: connections from before meet what the fault does to live ones."""
        expect: Expectation = self.fault.definition.proof.expect
        if expect in TIMED:
            return ("answer",)
        promised = self._promised(expect, pooled)
        return promised if self._share >= 1 else (*promised, "answer")

    def _promised(self, expect: Expectation, pooled: bool) -> tuple[Met, ...]:
        if expect == "loss":
            return ("hang", "eof")
        if expect == "status":
            status = int(self.fault.parameters[self.fault.definition.proof.parameter])
            return (f"status {status}",) if status else ("eof",)  # 0 stands for no answer at all
        if expect == "eof" and self.fault.definition.layer == "process":
            return _DEAD
        if pooled and not self._provider:  # which breaks answers, not connections
            live = {"FIN": ("eof",), "RST": ("reset", "eof"), "hang": ("hang", "eof"), "untouched": (expect,)}
            return live[self.fault.definition.live_connections]
        return ("hang", "eof") if expect == "hang" else (expect,)

    def fidelity(self, during: Sequence[Probe]) -> float | None:
        """Return measured ÷ configured effect of a ratio fault, None when there is nothing to divide.

        What a provider says that it added comes before what was configured: a ramp is somewhere in between. A loss has
        none: its proof is the number of answers that are lost.
        """
        proof = self.fault.definition.proof
        took = self._slow([probe for probe in during if probe.met == "answer"])
        if not self._ratio or proof.expect == "loss" or not took or not self._before_ns():
            return None
        usual_ns = statistics.median(self._before_ns())
        if proof.expect == "rate":
            added_s = (statistics.median(probe.took_ns for probe in took) - usual_ns) / 1e9
            received = statistics.median(probe.received for probe in took)
            return (received / 1000 / added_s) / float(self.fault.parameters[proof.parameter]) if added_s > 0 else None
        return statistics.median((probe.took_ns - usual_ns) / (probe.added_ns or self._effect_ns) for probe in took)

    def bites(self, during: Sequence[Probe]) -> bool:
        """Tell whether the probes prove the fault: unanimous, and with a fidelity of 0.8 to 1.2 where it is a ratio."""
        if not during or not all(self.accepts(probe) for probe in during):
            return False
        if self._share < 1 and not self._share_shows(during):
            return False
        if not self._ratio or self.fault.definition.proof.expect == "loss":
            return True
        fidelity = self.fidelity(during)
        return fidelity is not None and _FIDELITY_LOW <= fidelity <= _FIDELITY_HIGH

    def is_gone(self, after: Sequence[Probe]) -> bool:
        """Tell whether the probes prove that nothing is left of the fault."""
        if not after or not all(probe.met == "answer" and not probe.added_ns for probe in after):
            return False
        if not self._ratio or not self._before_ns() or self.fault.definition.proof.expect == "loss":
            return True
        if self._share < 1:
            return not self._slow(after)
        usual = statistics.median(self._before_ns())
        now = statistics.median(probe.took_ns for probe in after)
        effect_ns = self._timeout_s * 1e9 if self.fault.definition.proof.expect == "rate" else self._effect_ns
        return now - usual < effect_ns / 2

    def close(self) -> None:
        """Close the connections kept from before."""
        for connection in self._pooled:
            connection.close()
        self._pooled = []

    def _before_ns(self) -> list[int]:
        return [probe.took_ns for probe in self._before if probe.met == "answer"]

    def _slow(self, answered: Sequence[Probe]) -> list[Probe]:
        """Return the answers over connections that a ratio fault hit: all, or of a share those with half of its effect."""
        if self._share >= 1 or not self._before_ns():
            return list(answered)
        bound_ns = statistics.median(self._before_ns()) + self._effect_ns / 2
        return [probe for probe in answered if probe.took_ns > bound_ns]

    def _share_shows(self, during: Sequence[Probe]) -> bool:
        """Tell whether as many were hit as can be expected, of the pooled connections and of the fresh ones."""
        by_time = self.fault.definition.proof.expect in TIMED
        for pooled in (True, False):
            probes = [probe for probe in during if probe.pooled == pooled]
            hit = self._slow(probes) if by_time else [probe for probe in probes if probe.met != "answer"]
            if probes and not plausible(len(hit), len(probes), self._share):
                return False
        return True

    def _line(self) -> Line:
        address = self._address
        if address.protocol == "redis":
            asked = payload_bytes(self.fault.definition, self.fault.parameters)
            return RedisLine(
                address.host, address.port, timeout_s=self._timeout_s, payload_bytes=asked, closing=self._closing
            )
        return HttpLine(
            address.host,
            address.port,
            self._question,
            timeout_s=self._timeout_s,
            whole=self._provider,
            closing=self._closing,
            trust=address.tls,
        )

    def _ask(self, lines: Sequence[Line], *, pooled: int, keep: bool) -> list[Probe]:
        """Ask over `lines`, of which the first `pooled` are from before."""
        threads = 1 if self.fault.definition.proof.expect == "rate" else max(1, len(lines))
        with ThreadPoolExecutor(threads) as pool:
            jobs = [pool.submit(self._one, line, place < pooled, keep) for place, line in enumerate(lines)]
            return [job.result() for job in jobs]

    def _one(self, line: Line, pooled: bool, keep: bool) -> Probe:
        heard = line.ask(
            {
                "x-request-id": format_request_id(self._run, next(self._numbers), 0, _CANARY),
                "x-gatebench-canary": self.fault.id,
                **dict(self._address.headers),
            }
        )
        if not keep:
            line.close()
        met = heard.met
        if self._ramp is not None and self._since_ns is not None and met == "answer":
            met = self._ramp.judge(heard.added_ns, heard.asked_ns - self._since_ns)
        return Probe(pooled, met, heard.took_ns, heard.received, heard.added_ns)


def payload_path(fault: PlannedFault) -> str | None:
    """Return the path of a provider's admin API that answers with as many bytes as the proof needs; None when any answer does."""
    asked = payload_bytes(fault.definition, fault.parameters)
    return f"/__gatebench__/payload?bytes={asked}" if asked else None
