"""What can break: a fault is data that says where it sits, what it does, and how it proves itself.

A fault file (`chaos/NAME.toml`) puts a name on one mechanism of one engine: a toxic or the state of a link, or a behaviour of a
simulated provider (`measurement.md` 20 lists what each must state).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gatebench.units import duration_text, positive_duration_text

Duration = Annotated[str, AfterValidator(duration_text)]
PositiveDuration = Annotated[Duration, AfterValidator(positive_duration_text)]

Layer = Literal["link", "provider", "process"]
Expectation = Literal["answer", "eof", "reset", "refused", "hang", "delay", "rate"]


class Parameter(BaseModel):
    """One setting of a fault: its default, its unit, and what it means."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    expect: Expectation
    samples: int = Field(default=3, ge=1, le=100)
    parameter: str = ""


class FaultDefinition(BaseModel):
    """A named fault, as a file in `chaos/` defines it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: str = Field(min_length=1)
    layer: Layer
    mechanism: str = Field(min_length=1)
    stream: Literal["upstream", "downstream"] = "downstream"
    live_connections: Literal["untouched", "FIN", "RST", "hang"]
    attempts_visible: bool
    effect: Literal["yes/no", "ratio"]
    proof: Proof
    parameters: dict[str, Parameter] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> FaultDefinition:
        problems = []
        ratio = self.proof.expect in {"delay", "rate"}
        if ratio != (self.effect == "ratio"):
            problems.append(
                f'effect "{self.effect}" does not go with a proof by {self.proof.expect}; ratio goes with delay and rate'
            )
        named = self.parameters.get(self.proof.parameter)
        if ratio and (named is None or not isinstance(named.default, int | float) or named.default <= 0):
            problems.append(
                "a ratio fault needs proof.parameter; name the parameter that holds the effect, with a default above 0"
            )
        layers = {"link": ("link.down", "toxic."), "provider": ("provider.",), "process": ()}
        if not self.mechanism.startswith(layers[self.layer]):
            known = " or ".join(layers[self.layer]) or "nothing yet"
            problems.append(
                f'the mechanism "{self.mechanism}" is not of the layer {self.layer}; mechanisms there are {known}…'
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self


class FaultUse(BaseModel):
    """A scenario's use of a fault: which one, on what, with which parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1)
    on: str = Field(min_length=1)
    after: Duration = "0s"
    duration: PositiveDuration | None = None
    parameters: dict[str, int | float | str] = Field(default_factory=dict)


def fault(name: str, *, on: str, after: str = "0s", duration: str | None = None, **parameters: Any) -> FaultUse:
    """Put the fault `name` on a link (`front`, `provider-a`) or a provider.

    It begins `after` the start of its phase and lasts for `duration`, by default to the end of the phase.
    """
    return cast(FaultUse, {"name": name, "on": on, "after": after, "duration": duration, "parameters": parameters})
