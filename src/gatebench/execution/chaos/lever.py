"""Puts one fault on and takes it off: one lever for each layer that faults sit in, behind two methods."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from gatebench.errors import EnvironmentFailure
from gatebench.execution.toxiproxy.client import Engine
from gatebench.faults import Value
from gatebench.plan import PlannedFault

TTL_GRACE_NS = 1_000_000_000


@dataclass(frozen=True)
class Cleared:
    """The engine's acknowledgement that a fault is off: when, and how many requests it hit, where the engine counts."""

    at_ns: int
    hits: int | None = None


class Lever(Protocol):
    """One fault's switch. Both methods return the engine's acknowledgement, monotonic nanoseconds, and raise EnvironmentFailure."""

    def apply(self, ttl_ns: int) -> int:
        """Put the fault on; it ends by itself after `ttl_ns`."""

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Give the fault that is on other parameters; it ends by itself after `ttl_ns`."""

    def clear(self) -> Cleared:
        """Take the fault off; harmless when it is off."""


class ProviderLever:
    """A behaviour of a simulated provider, switched through the admin API of each of its processes.

    It is on, and off again, when the last process says so.
    """

    def __init__(self, fault: PlannedFault, urls: Sequence[str], token: str) -> None:
        self._fault = fault
        self._urls = [f"{url}/__gatebench__/faults/{fault.id}" for url in urls]
        # Made before the load: a client's set-up costs tens of milliseconds that would stand between request and effect.
        self._client = httpx.Client(trust_env=False, timeout=2.0, verify=False, headers={"x-gatebench-token": token})  # noqa: S501 - plain HTTP on loopback

    def apply(self, ttl_ns: int) -> int:
        """Put the fault on."""
        return self.change(self._fault.initial, ttl_ns)

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Give it other parameters."""
        body = {"mechanism": self._fault.definition.mechanism, "parameters": dict(parameters), "ttl_ns": ttl_ns}
        return max(int(answer["acknowledged_ns"]) for answer in self._ask_all("PUT", body))

    def clear(self) -> Cleared:
        """Take the fault off."""
        answers = self._ask_all("DELETE", None)
        return Cleared(max(int(said["cleared_ns"]) for said in answers), sum(int(said["hits"]) for said in answers))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _ask_all(self, method: str, body: dict[str, Any] | None) -> list[dict[str, Any]]:
        """Ask every process, also those after one that fails; raise what the first failure was."""
        answers: list[dict[str, Any]] = []
        failures: list[EnvironmentFailure] = []
        for url in self._urls:
            try:
                answers.append(self._ask(url, method, body))
            except EnvironmentFailure as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        return answers

    def _ask(self, url: str, method: str, body: dict[str, Any] | None) -> dict[str, Any]:
        try:
            answer = self._client.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise EnvironmentFailure(f"{self._fault.on} does not answer its admin API: {error}.") from error
        if answer.status_code != 200:
            raise EnvironmentFailure(f"{self._fault.on} refused {self._fault.name}: {answer.text.strip()}")
        return dict(answer.json())


class ToxicLever:
    """A toxic on a link."""

    def __init__(self, fault: PlannedFault, engine: Engine) -> None:
        self._fault = fault
        self._engine = engine

    def apply(self, ttl_ns: int) -> int:
        """Put the toxic on the link."""
        definition = self._fault.definition
        return self._engine.add_toxic(
            self._fault.on,
            self._fault.id,
            definition.mechanism.removeprefix("toxic."),
            definition.stream,
            self._attributes(self._fault.initial),
            toxicity=float(self._fault.initial["toxicity"]),
            ttl_ms=ttl_ns // 1_000_000,
        )

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Give the toxic other values."""
        return self._engine.change_toxic(
            self._fault.on,
            self._fault.id,
            self._attributes(parameters),
            toxicity=float(parameters["toxicity"]),
            ttl_ms=ttl_ns // 1_000_000,
        )

    def _attributes(self, parameters: Mapping[str, Value]) -> dict[str, int | float]:
        return {key: _number(parameters[key]) for key in self._fault.definition.parameters}

    def clear(self) -> Cleared:
        """Take the toxic off the link."""
        at_ns = self._engine.remove_toxic(self._fault.on, self._fault.id)
        try:
            return Cleared(at_ns, self._engine.hits(self._fault.on, self._fault.id))
        except EnvironmentFailure:
            return Cleared(at_ns)  # a count is no reason to say that it is still on


def _number(value: Value) -> int | float:
    """Return an attribute as the engine takes it: whole where it is whole."""
    number = float(value)
    return int(number) if number.is_integer() else number


class LinkDownLever:
    """A link that refuses and drops connections."""

    def __init__(self, fault: PlannedFault, engine: Engine) -> None:
        self._fault = fault
        self._engine = engine

    def apply(self, ttl_ns: int) -> int:
        """Take the link down."""
        return self._engine.take_down(self._fault.on, ttl_ns // 1_000_000)

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Down is down: there is nothing to change but its end."""
        return self.apply(ttl_ns)

    def clear(self) -> Cleared:
        """Bring the link up."""
        return Cleared(self._engine.bring_up(self._fault.on))


class Processes(Protocol):
    """The processes of a topology, by the place that a fault is put on."""

    def take_down(self, place: str, *, hard: bool) -> None:
        """End them; `hard` is SIGKILL."""

    def bring_up(self, place: str) -> None:
        """Start them again and wait until they take traffic; harmless when they run."""

    def pause(self, place: str, ttl_s: float) -> None:
        """Stop them where they are; they go on by themselves after `ttl_s`."""

    def resume(self, place: str) -> None:
        """Let them go on."""


class ProcessLever:
    """A process that is killed or ended and started again when the window ends, or paused meanwhile.

    A paused one goes on by itself when its time to live is over. One that is down has nobody to start it again but us: should
    we die, its whole topology ends.
    """

    def __init__(self, fault: PlannedFault, processes: Processes) -> None:
        self._fault = fault
        self._processes = processes
        self._what = fault.definition.mechanism.removeprefix("process.")

    def apply(self, ttl_ns: int) -> int:
        """Take the process away."""
        if self._what == "pause":
            self._processes.pause(self._fault.on, ttl_ns / 1e9)
        else:
            self._processes.take_down(self._fault.on, hard=self._what == "kill")
        return time.monotonic_ns()

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """There is nothing to change."""
        return time.monotonic_ns()

    def clear(self) -> Cleared:
        """Have the process back."""
        if self._what == "pause":
            self._processes.resume(self._fault.on)
        else:
            self._processes.bring_up(self._fault.on)
        return Cleared(time.monotonic_ns())


class NoLever:
    """A fault that claims to be on and does nothing: for trying the harness's own proofs."""

    def apply(self, ttl_ns: int) -> int:
        """Do nothing."""
        return time.monotonic_ns()

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Do nothing."""
        return time.monotonic_ns()

    def clear(self) -> Cleared:
        """Do nothing."""
        return Cleared(time.monotonic_ns())
