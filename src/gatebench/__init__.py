"""gatebench: what your API or AI gateway really does under load and under faults.

The names a scenario file needs are here; they load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatebench.faults import fault
    from gatebench.latency import LatencyModel, measured
    from gatebench.providers import provider
    from gatebench.scenario import Scenario, check, phase
    from gatebench.schedule import constant, poisson, ramp, steps

__version__ = "0.1.0"

__all__ = [
    "LatencyModel",
    "Scenario",
    "check",
    "constant",
    "fault",
    "measured",
    "phase",
    "poisson",
    "provider",
    "ramp",
    "steps",
]

_HOMES = {
    "LatencyModel": "latency",
    "Scenario": "scenario",
    "check": "scenario",
    "phase": "scenario",
    "fault": "faults",
    "measured": "latency",
    "provider": "providers",
    "constant": "schedule",
    "poisson": "schedule",
    "ramp": "schedule",
    "steps": "schedule",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"gatebench.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
