"""What can break: a fault is data that says where it sits, what it does, and how it proves itself.

A fault file (`chaos/NAME.toml`) puts a name on one mechanism of one engine: a toxic or the state of a link, or a behaviour of a
simulated provider (`measurement.md` 20 lists what each must state).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gatebench.units import duration_s


def _duration_text(text: str) -> str:
    duration_s(text)
    return text


Duration = Annotated[str, AfterValidator(_duration_text)]

Layer = Literal["link", "provider", "process"]
Expectation = Literal["answer", "eof", "reset", "refused", "hang", "delay", "rate"]


class Parameter(BaseModel):
    """One setting of a fault: its default, its unit, and what it means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: int | float | str
    unit: str = ""
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None


class Proof(BaseModel):
    """How a canary shows that the fault bites.

    `expect` is what every canary must meet while a yes/no fault is on; for a ratio fault `parameter` names the
    configured effect that the measured one is divided by. `samples` canaries go over fresh connections and as many over pooled ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    expect: Expectation
    samples: int = Field(default=3, ge=1, le=100)
    parameter: str = ""


class FaultDefinition(BaseModel):
    """A named fault, as a file in `chaos/` defines it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(min_length=1)
    layer: Layer
    mechanism: str = Field(min_length=1)
    stream: Literal["upstream", "downstream"] = "downstream"
    live_connections: Literal["untouched", "FIN", "RST", "hang"]
    attempts_visible: bool
    effect: Literal["yes/no", "ratio"]
    proof: Proof
    parameters: dict[str, Parameter] = Field(default_factory=dict)


class FaultUse(BaseModel):
    """A scenario's use of a fault: which one, on what, with which parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    on: str = Field(min_length=1)
    after: Duration = "0s"
    duration: Duration | None = None
    parameters: dict[str, int | float | str] = Field(default_factory=dict)


def fault(name: str, *, on: str, after: str = "0s", duration: str | None = None, **parameters: Any) -> FaultUse:
    """Put the fault `name` on a link (`front`, `provider-a`) or a provider.

    It begins `after` the start of its phase and lasts for `duration`, by default to the end of the phase.
    """
    return cast(FaultUse, {"name": name, "on": on, "after": after, "duration": duration, "parameters": parameters})
