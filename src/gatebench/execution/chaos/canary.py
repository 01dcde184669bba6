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
from gatebench.faults import Expectation, FaultDefinition
from gatebench.plan import PlannedFault, TlsPlan
from gatebench.stamp import KINDS, format_request_id

Met = str  # answer, eof, reset, refused, hang, or the status of an answer that is not 2xx ("status 503")

_TIMEOUT_S = 0.5
_QUICK_S = 0.1
_MARGIN_S = 0.3
_PAYLOAD_BYTES = 40_000
_FIDELITY_LOW, _FIDELITY_HIGH = 0.8, 1.2
_CANARY = KINDS.index("canary")


@dataclass(frozen=True)
class Probe:
    """One canary request: what it met, and how long that took."""

    pooled: bool
    met: Met
    took_ns: int
    received: int


@dataclass(frozen=True)
class Address:
    """Where the canaries of a fault go, and what they ask for."""

    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    tls: TlsPlan | None = None
    protocol: Literal["http", "redis"] = "http"


def timeout_s(definition: FaultDefinition, parameters: Mapping[str, int | float | str]) -> float:
    """Return how long one canary may take under a fault: half a second, and twice the effect it is to measure."""
    proof = definition.proof
    if proof.expect == "delay":
        return _TIMEOUT_S + 2 * float(parameters[proof.parameter]) / 1000
    if proof.expect == "rate":
        return _TIMEOUT_S + 4 * _PAYLOAD_BYTES / (float(parameters[proof.parameter]) * 1000)
    return _TIMEOUT_S


def proof_needs_s(definition: FaultDefinition, parameters: Mapping[str, int | float | str]) -> float:
    """Return how long a window must be for its proofs: one round at its beginning, one before its end, and a margin."""
    proof = definition.proof
    if proof.expect == "rate":  # one after the other: they would share what they measure
        round_s = 2 * proof.samples * _PAYLOAD_BYTES / (float(parameters[proof.parameter]) * 1000)
    elif proof.expect == "delay":
        round_s = float(parameters[proof.parameter]) / 1000 + _QUICK_S
    else:
        round_s = _TIMEOUT_S if proof.expect == "hang" else _QUICK_S
    return 2 * round_s + _MARGIN_S


class Canary:
    """The canaries of one fault. `open` its pooled connections before the fault comes."""

    def __init__(self, fault: PlannedFault, address: Address, run: str) -> None:
        self.fault = fault
        self._address = address
        self._run = run
        self._numbers = itertools.count()
        self._pooled: list[http.client.HTTPConnection] = []
        self._ratio = fault.definition.effect == "ratio"
        self._timeout_s = timeout_s(fault.definition, fault.parameters)
        self._before: list[Probe] = []

    @property
    def timeout_ns(self) -> int:
        """How long one round of canaries may take."""
        return round(self._timeout_s * 1e9)

    def before(self) -> list[Probe]:
        """Ask over fresh connections and keep them for later: all should answer."""
        self.close()
        self._pooled = [self._connection() for _ in range(self.fault.definition.proof.samples)]
        self._before = self._ask(self._pooled, pooled=0, keep=True)
        return self._before

    def during(self) -> list[Probe]:
        """Ask over the connections from before and over as many fresh ones."""
        pooled, self._pooled = self._pooled, []
        fresh = [self._connection() for _ in range(self.fault.definition.proof.samples)]
        return self._ask([*pooled, *fresh], pooled=len(pooled), keep=False)

    def after(self) -> list[Probe]:
        """Ask over fresh connections: all should answer as before."""
        fresh = [self._connection() for _ in range(self.fault.definition.proof.samples)]
        return self._ask(fresh, pooled=0, keep=False)

    def accepts(self, probe: Probe) -> bool:
        """Tell whether a probe during the fault met what the fault promises."""
        return probe.met in self.expected(probe.pooled)

    def expected(self, pooled: bool) -> tuple[Met, ...]:
        """Return what a canary may meet: connections from before meet what the fault does to live ones."""
        expect: Expectation = self.fault.definition.proof.expect
        if expect in ("delay", "rate"):
            return ("answer",)
        if pooled:
            live = {"FIN": ("eof",), "RST": ("reset", "eof"), "hang": ("hang", "eof"), "untouched": (expect,)}
            return live[self.fault.definition.live_connections]
        return ("hang", "eof") if expect == "hang" else (expect,)

    def fidelity(self, during: Sequence[Probe]) -> float | None:
        """Return measured ÷ configured effect of a ratio fault, None when there is nothing to divide."""
        proof = self.fault.definition.proof
        took = [probe.took_ns for probe in during if probe.met == "answer"]
        usual = [probe.took_ns for probe in self._before if probe.met == "answer"]
        if not self._ratio or not took or not usual:
            return None
        configured = float(self.fault.parameters[proof.parameter])
        added_s = (statistics.median(took) - statistics.median(usual)) / 1e9
        if proof.expect == "delay":
            return added_s * 1000 / configured
        received = statistics.median(probe.received for probe in during)
        return (received / 1000 / added_s) / configured if added_s > 0 else None

    def bites(self, during: Sequence[Probe]) -> bool:
        """Tell whether the probes prove the fault: unanimous, and with a fidelity of 0.8 to 1.2 where it is a ratio."""
        if not during or not all(self.accepts(probe) for probe in during):
            return False
        fidelity = self.fidelity(during)
        return not self._ratio or (fidelity is not None and _FIDELITY_LOW <= fidelity <= _FIDELITY_HIGH)

    def is_gone(self, after: Sequence[Probe]) -> bool:
        """Tell whether the probes prove that nothing is left of the fault."""
        if not after or not all(probe.met == "answer" for probe in after):
            return False
        if not self._ratio or not self._before:
            return True
        usual = statistics.median(probe.took_ns for probe in self._before)
        now = statistics.median(probe.took_ns for probe in after)
        proof = self.fault.definition.proof
        effect_ns = (
            float(self.fault.parameters[proof.parameter]) * 1e6 if proof.expect == "delay" else self._timeout_s * 1e9
        )
        return now - usual < effect_ns / 2

    def close(self) -> None:
        """Close the connections kept from before."""
        for connection in self._pooled:
            connection.close()
        self._pooled = []

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
        headers = {
            "x-request-id": format_request_id(self._run, next(self._numbers), 0, _CANARY),
            **dict(self._address.headers),
        }
        start = time.monotonic_ns()
        received = 0
        try:
            if self._address.tls is not None and connection.sock is None:
                connection.connect()
                start = time.monotonic_ns()  # a handshake takes several turns, and each would meet the fault
            connection.request("GET", self._address.path, headers=headers)
            answer = connection.getresponse()
            received = len(answer.read())
            met = "answer" if 200 <= answer.status < 300 else f"status {answer.status}"
        except (http.client.RemoteDisconnected, http.client.IncompleteRead):
            met = "eof"
        except ConnectionRefusedError:
            met = "refused"
        except (ConnectionResetError, BrokenPipeError):
            met = "reset"
        except TimeoutError:
            met = "hang"
        except (OSError, http.client.HTTPException) as error:
            met = type(error).__name__
        took = time.monotonic_ns() - start
        if not keep:
            connection.close()
        return Probe(pooled, met, took, received)


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
