"""gatebench: what your API or AI gateway really does under load and under faults.

The names a scenario file needs are here; they load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatebench.faults import fault
    from gatebench.latency import LatencyModel, measured
    from gatebench.probing import reactive
    from gatebench.providers import provider
    from gatebench.scenario import Scenario, check, phase
    from gatebench.schedule import breakpoint, constant, mixed, poisson, ramp, sine, spike, steps, trace, users
    from gatebench.shapes import at_random, flap, ramped

__version__ = "0.1.0"

__all__ = [
    "LatencyModel",
    "Scenario",
    "at_random",
    "breakpoint",
    "check",
    "constant",
    "fault",
    "flap",
    "measured",
    "mixed",
    "phase",
    "poisson",
    "provider",
    "ramp",
    "ramped",
    "reactive",
    "sine",
    "spike",
    "steps",
    "trace",
    "users",
]

_HOMES = {
    "LatencyModel": "latency",
    "Scenario": "scenario",
    "check": "scenario",
    "phase": "scenario",
    "fault": "faults",
    **dict.fromkeys(
        ("breakpoint", "constant", "mixed", "poisson", "ramp", "sine", "spike", "steps", "trace", "users"), "schedule"
    ),
    **dict.fromkeys(("at_random", "flap", "ramped"), "shapes"),
    "measured": "latency",
    "provider": "providers",
    "reactive": "probing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"gatebench.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
