"""gatebench: what your API or AI gateway really does under load and under faults.

The names a scenario file needs are here; they load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatebench.faults import fault
    from gatebench.scenario import Scenario, check, phase
    from gatebench.schedule import breakpoint, constant, mixed, poisson, ramp, sine, spike, steps, trace, users

__version__ = "0.1.0"

__all__ = [
    "Scenario",
    "breakpoint",
    "check",
    "constant",
    "fault",
    "mixed",
    "phase",
    "poisson",
    "ramp",
    "sine",
    "spike",
    "steps",
    "trace",
    "users",
]

_HOMES = {
    "Scenario": "scenario",
    "check": "scenario",
    "phase": "scenario",
    "fault": "faults",
    **dict.fromkeys(
        ("breakpoint", "constant", "mixed", "poisson", "ramp", "sine", "spike", "steps", "trace", "users"), "schedule"
    ),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"gatebench.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
