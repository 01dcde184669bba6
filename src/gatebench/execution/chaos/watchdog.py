"""Gives a link fault on a real Toxiproxy server, which knows no time to live, one that holds when the harness is dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gatebench.execution.chaos.lever import Cleared, Lever
from gatebench.faults import Value
from gatebench.plan import PlannedFault


class Watchdog(Protocol):
    """A process that outlives us and makes HTTP requests (method, URL, body) at a moment, or when we die."""

    def arm(self, name: str, after_s: float, requests: Sequence[tuple[str, str, str]]) -> None:
        """Make `requests` in `after_s` seconds, or at our death."""

    def disarm(self, name: str) -> None:
        """Take them back."""


@dataclass(frozen=True)
class WatchedLever:
    """A lever whose healing is in the watchdog's hands before the fault is on."""

    inner: Lever
    fault: PlannedFault
    proxy_url: str
    watchdog: Watchdog

    def apply(self, ttl_ns: int) -> int:
        """Arm the watchdog, then put the fault on."""
        if self.fault.definition.mechanism == "link.down":
            heal = ("POST", self.proxy_url, '{"enabled": true}')
        else:
            heal = ("DELETE", f"{self.proxy_url}/toxics/{self.fault.id}", "")
        self.watchdog.arm(self.fault.id, ttl_ns / 1e9, [heal])
        return self.inner.apply(ttl_ns)

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Give the fault other parameters; its healing stands as it was armed."""
        return self.inner.change(parameters, ttl_ns)

    def clear(self) -> Cleared:
        """Take the fault off, then disarm the watchdog."""
        cleared = self.inner.clear()
        self.watchdog.disarm(self.fault.id)
        return cleared
