"""Planned faults for tests, made from the files in chaos/ or from a few words."""

from __future__ import annotations

from pathlib import Path

from gatebench.content import read_toml
from gatebench.faults import FaultDefinition, Parameter, Value
from gatebench.plan import PlannedFault

CHAOS = Path(__file__).resolve().parents[3] / "chaos"


def shipped(name: str) -> FaultDefinition:
    """The definition in `chaos/NAME.toml`."""
    return read_toml(CHAOS / f"{name}.toml", FaultDefinition, name)


def shipped_provider_faults() -> list[str]:
    """The names of all that sit in a provider."""
    files = sorted(CHAOS.glob("*.toml"))
    return [file.stem for file in files if 'mechanism = "provider.' in file.read_text()]


def planned(name: str, id_: str = "f1", /, **parameters: Value) -> PlannedFault:
    """A use of a shipped fault; what is not given has its default."""
    return using(shipped(name), id_, **parameters)


def using(definition: FaultDefinition, id_: str = "f1", /, **parameters: Value) -> PlannedFault:
    """A use of a definition."""
    defaults = {key: parameter.default for key, parameter in definition.settings.items()}
    return PlannedFault(
        id=id_,
        name="x",
        on="provider-a",
        phase="fault",
        start_ns=0,
        end_ns=1,
        parameters={**defaults, **parameters},
        definition=definition,
    )


def toxic(expect: str, live: str = "untouched", **parameters: float) -> FaultDefinition:
    """A fault on a link; the first parameter is the one that the proof names."""
    return FaultDefinition.model_validate(
        {
            "description": "x",
            "layer": "link",
            "mechanism": "toxic.x",
            "live_connections": live,
            "attempts_visible": True,
            "effect": "ratio" if expect in {"delay", "rate", "loss"} else "yes/no",
            "proof": {"expect": expect, "parameter": next(iter(parameters), ""), "samples": 3},
            "parameters": {key: Parameter(default=value).model_dump() for key, value in parameters.items()},
        }
    )
