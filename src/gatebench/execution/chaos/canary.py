"""Proves from outside that a fault bites and that it is gone: small requests over the link it sits on, fresh and pooled.

Built on http.client because a proof needs the exact way in which a connection fails, which richer clients fold together.
"""

from __future__ import annotations

import http.client
import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from gatebench import tls
from gatebench.execution.chaos.chance import connections, interval, plausible
from gatebench.execution.chaos.provable import share
from gatebench.execution.chaos.question import asked_of_link, asked_of_provider
from gatebench.execution.chaos.ramp import Ramp, ramp_of
from gatebench.execution.chaos.symptom import Met, symptom
from gatebench.faults import Expectation, FaultDefinition, Value
from gatebench.plan import PlannedFault, TlsPlan
from gatebench.stamp import KINDS, format_request_id

_TIMEOUT_S = 0.5
_QUICK_S = 0.1
_MARGIN_S = 0.3
_PAYLOAD_BYTES = 40_000
_FIDELITY_LOW, _FIDELITY_HIGH = 0.8, 1.2
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
    proof = definition.proof
    if proof.expect == "delay":
        return _TIMEOUT_S + 2 * _most_ms(definition, parameters) / 1000
    if proof.expect == "rate":
        return _TIMEOUT_S + 4 * _PAYLOAD_BYTES / (float(parameters[proof.parameter]) * 1000)
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
        return 2 * slow * _PAYLOAD_BYTES / (float(parameters[proof.parameter]) * 1000)
    if proof.expect == "delay":
        return _most_ms(definition, parameters) / 1000 + _QUICK_S
    return _TIMEOUT_S if proof.expect in ("hang", "stall", "loss") else _QUICK_S


def _most_ms(definition: FaultDefinition, parameters: Mapping[str, Value]) -> float:
    """Return the longest delay that a fault adds."""
    ramp = ramp_of(definition, parameters)
    return max(ramp.from_ms, ramp.to_ms) if ramp else float(parameters[definition.proof.parameter])


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
        self._pooled: list[http.client.HTTPConnection] = []
        self._ratio = definition.effect == "ratio"
        self._timeout_s = timeout_s(definition, parameters)
        self._round_s = max(self._timeout_s, _round_s(definition, parameters))
        self._share = share(definition, parameters)
        self._samples = connections(self._share, definition.proof.samples)
        self._ramp: Ramp | None = ramp_of(definition, parameters)
        self._since_ns: int | None = None
        self._before: list[Probe] = []

    @property
    def timeout_ns(self) -> int:
        """How long one round of canaries may take."""
        return round(self._round_s * 1e9)

    def before(self) -> list[Probe]:
        """Ask over fresh connections and keep them for later: all should answer."""
        self.close()
        self._since_ns = None
        self._pooled = [self._connection() for _ in range(self._samples)]
        self._before = self._ask(self._pooled, pooled=0, keep=True)
        return self._before

    def during(self) -> list[Probe]:
        """Ask over the connections from before and over as many fresh ones; what grows is given time to be seen."""
        if self._since_ns is None:
            self._since_ns = time.monotonic_ns()
            if self._ramp is not None:
                time.sleep(self._ramp.settling_s())
        pooled, self._pooled = self._pooled, []
        fresh = [self._connection() for _ in range(self._samples)]
        return self._ask([*pooled, *fresh], pooled=len(pooled), keep=False)

    def after(self) -> list[Probe]:
        """Ask over fresh connections: all should answer as before."""
        self._since_ns = None
        fresh = [self._connection() for _ in range(self._samples)]
        return self._ask(fresh, pooled=0, keep=False)

    def accepts(self, probe: Probe) -> bool:
        """Tell whether a probe during the fault met what the fault promises."""
        return probe.met in self.expected(probe.pooled)

    def expected(self, pooled: bool) -> tuple[Met, ...]:
        """Return what a canary may meet: connections from before meet what the fault does to live ones."""
        expect: Expectation = self.fault.definition.proof.expect
        if expect in ("delay", "rate"):
            return ("answer",)
        promised = self._promised(expect, pooled)
        return promised if self._share >= 1 else (*promised, "answer")

    def _promised(self, expect: Expectation, pooled: bool) -> tuple[Met, ...]:
        if expect == "loss":
            return ("hang", "eof")
        if expect == "status":
            status = int(self.fault.parameters[self.fault.definition.proof.parameter])
            return (f"status {status}",) if status else ("eof",)  # 0 stands for no answer at all
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
        configured = float(self.fault.parameters[proof.parameter])
        usual_ns = statistics.median(self._before_ns())
        if proof.expect == "delay":
            return statistics.median(
                (probe.took_ns - usual_ns) / (probe.added_ns or configured * 1e6) for probe in took
            )
        added_s = (statistics.median(probe.took_ns for probe in took) - usual_ns) / 1e9
        received = statistics.median(probe.received for probe in took)
        return (received / 1000 / added_s) / configured if added_s > 0 else None

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
        effect_ns = self._effect_ns() if self.fault.definition.proof.expect == "delay" else self._timeout_s * 1e9
        return now - usual < effect_ns / 2

    def close(self) -> None:
        """Close the connections kept from before."""
        for connection in self._pooled:
            connection.close()
        self._pooled = []

    def _before_ns(self) -> list[int]:
        return [probe.took_ns for probe in self._before if probe.met == "answer"]

    def _effect_ns(self) -> float:
        """Return how much longer an answer takes over a connection that is hit."""
        proof = self.fault.definition.proof
        configured = float(self.fault.parameters[proof.parameter])
        return configured * 1e6 if proof.expect == "delay" else _PAYLOAD_BYTES / configured * 1e6

    def _slow(self, answered: Sequence[Probe]) -> list[Probe]:
        """Return the answers over connections that a ratio fault hit: all, or of a share those with half of its effect."""
        if self._share >= 1 or not self._before_ns():
            return list(answered)
        bound_ns = statistics.median(self._before_ns()) + self._effect_ns() / 2
        return [probe for probe in answered if probe.took_ns > bound_ns]

    def _share_shows(self, during: Sequence[Probe]) -> bool:
        """Tell whether as many were hit as can be expected, of the pooled connections and of the fresh ones."""
        by_time = self.fault.definition.proof.expect in ("delay", "rate")
        for pooled in (True, False):
            probes = [probe for probe in during if probe.pooled == pooled]
            hit = self._slow(probes) if by_time else [probe for probe in probes if probe.met != "answer"]
            if probes and not plausible(len(hit), len(probes), self._share):
                return False
        return True

    def _connection(self) -> http.client.HTTPConnection:
        address = self._address
        if address.tls is not None:
            return _Secured(address.host, address.port, address.tls, self._timeout_s)
        return http.client.HTTPConnection(address.host, address.port, timeout=self._timeout_s)

    def _ask(self, connections: Sequence[http.client.HTTPConnection], *, pooled: int, keep: bool) -> list[Probe]:
        """Ask over `connections`, of which the first `pooled` are from before."""
        threads = 1 if self.fault.definition.proof.expect == "rate" else max(1, len(connections))
        with ThreadPoolExecutor(threads) as pool:
            jobs = [
                pool.submit(self._one, connection, place < pooled, keep) for place, connection in enumerate(connections)
            ]
            return [job.result() for job in jobs]

    def _one(self, connection: http.client.HTTPConnection, pooled: bool, keep: bool) -> Probe:
        question = self._question
        headers = {
            "x-request-id": format_request_id(self._run, next(self._numbers), 0, _CANARY),
            "x-gatebench-canary": self.fault.id,
            **dict(question.headers),
            **dict(self._address.headers),
        }
        start = time.monotonic_ns()
        received = added_ns = 0
        begun = False
        try:
            if self._address.tls is not None and connection.sock is None:
                connection.connect()
                start = time.monotonic_ns()  # a handshake takes several turns, and each would meet the fault
            connection.request(question.method, question.path, question.body, headers)
            answer = connection.getresponse()
            begun = self._provider  # where it matters whether an answer that is not whole had begun
            body = answer.read()
            received = len(body)
            added_ns = int(answer.getheader("x-gatebench-added-us") or 0) * 1000
            met = symptom(question, answer.status, answer.getheader("content-type") or "", body)
        except (http.client.RemoteDisconnected, http.client.IncompleteRead):
            met = "cut" if begun else "eof"
        except ConnectionRefusedError:
            met = "refused"
        except (ConnectionResetError, BrokenPipeError):
            met = "reset"
        except TimeoutError:
            met = "stall" if begun else "hang"
        except (OSError, http.client.HTTPException) as error:
            met = type(error).__name__
        took = time.monotonic_ns() - start
        if not keep:
            connection.close()
        if self._ramp is not None and self._since_ns is not None and met == "answer":
            met = self._ramp.judge(added_ns, start - self._since_ns)
        return Probe(pooled, met, took, received, added_ns)


class _Secured(http.client.HTTPSConnection):
    """TLS through a link: the connection goes to the link, the name and the certificate are the target's."""

    def __init__(self, host: str, port: int, trust: TlsPlan, timeout_s: float) -> None:
        self._trust_context = tls.context(trust)
        super().__init__(host, port, timeout=timeout_s, context=self._trust_context)
        self._server_name = trust.server_name

    def connect(self) -> None:
        """Connect to the link and shake hands with what is behind it."""
        http.client.HTTPConnection.connect(self)
        self.sock = self._trust_context.wrap_socket(self.sock, server_hostname=self._server_name)


def payload_path() -> str:
    """Return the path of a provider's admin API that answers with enough bytes to measure a rate."""
    return f"/__gatebench__/payload?bytes={_PAYLOAD_BYTES}"
