"""Switches a behaviour of a simulated provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.lever import Cleared
from gatebench.faults import Value
from gatebench.plan import PlannedFault


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
