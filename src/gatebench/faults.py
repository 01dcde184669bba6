"""What can break: a fault is data that says where it sits, what it does, and how it proves itself.

A fault file (`chaos/NAME.toml`) puts a name on one mechanism of one engine: a toxic or the state of a link, a behaviour of a
simulated provider, or what becomes of a process (`measurement.md` 20 lists what each must state). A plan, in the same
folder, puts faults on places in windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gatebench.errors import Problem
from gatebench.shapes import PositiveDuration, Ramp, Shape, Step
from gatebench.units import duration_text

Duration = Annotated[str, AfterValidator(duration_text)]

Layer = Literal["link", "provider", "process"]
Expectation = Literal[
    "answer",
    "eof",
    "reset",
    "refused",
    "hang",
    "delay",
    "rate",
    "close",
    "slices",
    "loss",
    "status",
    "stall",
    "cut",
    "unterminated",
    "malformed",
    "content-type",
    "usage",
]
RATIOS = ("delay", "rate", "close", "slices", "loss")
"""The expectations that are measured and divided by what was configured; the others are met or not."""
Value = int | float | str
FLAGS = "process.flags"
"""The mechanism that changes how a gateway routes, and breaks nothing."""
_LARGEST = 1e15  # beyond it, neighbouring whole numbers are one float


class Parameter(BaseModel):
    """One setting of a fault: its default, its unit, and what it means."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    default: Value
    unit: str = ""
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None


class Proof(BaseModel):
    """How a canary shows that the fault bites.

    `expect` is what every canary must meet while a yes/no fault is on; `parameter` names the configured effect that the
    measured one of a ratio fault is divided by, or the status that is expected. `samples` canaries go over fresh connections
    and as many over pooled ones. With `stream` they ask for a stream.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    expect: Expectation
    samples: int = Field(default=3, ge=1, le=100)
    parameter: str = ""
    stream: bool = False


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
        ratio = self.proof.expect in RATIOS
        if ratio != (self.effect == "ratio"):
            problems.append(
                f'effect "{self.effect}" does not go with a proof by {self.proof.expect}; ratio goes with '
                f"{', '.join(RATIOS)}"
            )
        named = self.parameters.get(self.proof.parameter)
        if ratio and (named is None or not isinstance(named.default, int | float) or named.default <= 0):
            problems.append(
                "a ratio fault needs proof.parameter; name the parameter that holds the effect, with a default above 0"
            )
        layers = {"link": ("link.down", "toxic."), "provider": ("provider.",), "process": ("process.",)}
        if not self.mechanism.startswith(layers[self.layer]):
            known = " or ".join(layers[self.layer])
            problems.append(
                f'the mechanism "{self.mechanism}" is not of the layer {self.layer}; mechanisms there are {known}…'
            )
        if self.proof.expect == "status" and self.proof.parameter not in self.parameters:
            problems.append("a proof by status needs proof.parameter; name the parameter that holds the status")
        taken = sorted(self.parameters.keys() & common_parameters(self.mechanism).keys())
        if taken:
            problems.append(f"the parameters {', '.join(taken)} belong to every fault of this layer; leave them out")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def settings(self) -> dict[str, Parameter]:
        """Its own parameters and those that every fault of its kind has."""
        return {**self.parameters, **common_parameters(self.mechanism)}

    @property
    def exclusive(self) -> bool:
        """Whether no other fault may sit on the same place at the same time: its canaries could not tell the two apart."""
        return self.layer != "provider" and self.effect == "yes/no" and self.breaks

    @property
    def breaks(self) -> bool:
        """Whether something is broken by it; what an operator changes on purpose is no outage."""
        return self.mechanism != FLAGS


_TOXIC = {
    "toxicity": Parameter(default=1.0, unit="share", doc="of the connections that it acts on", minimum=0, maximum=1)
}
_PROVIDER = {
    "probability": Parameter(
        default=1.0, unit="share", doc="of the matching requests that it hits", minimum=0, maximum=1
    ),
    "route": Parameter(default="", doc="only requests whose path begins so, as in /v1/embeddings; empty: all"),
    "tenant": Parameter(default="", doc="only this tenant's requests; empty: everybody's"),
    "model": Parameter(default="", doc="only requests for this model; empty: all"),
    "nth": Parameter(default=0, unit="requests", doc="only every nth of the matching requests; 0: each", minimum=0),
}


def common_parameters(mechanism: str) -> dict[str, Parameter]:
    """Return the parameters that every fault has whose mechanism is a toxic, or a provider's."""
    if mechanism.startswith("toxic."):
        return _TOXIC
    return _PROVIDER if mechanism.startswith("provider.") else {}


class FaultUse(BaseModel):
    """A scenario's use of a fault: which one, on what, with which parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1)
    on: str = Field(min_length=1)
    after: Duration = "0s"
    duration: PositiveDuration | None = None
    shape: Shape = Step()
    parameters: dict[str, Value] = Field(default_factory=dict)


def fault(
    name: str,
    *,
    on: str,
    after: str = "0s",
    duration: str | None = None,
    shape: Shape | None = None,
    **parameters: Any,
) -> FaultUse:
    """Put the fault `name` on a link (`front`, `provider-a`), a provider or a process.

    It begins `after` the start of its phase and lasts for `duration`, by default to the end of the phase; `shape` is
    `ramped(…)`, `flap(…)` or `at_random(…)`, by default on all the time.
    """
    use = {"name": name, "on": on, "after": after, "duration": duration, "parameters": parameters}
    return cast(FaultUse, use if shape is None else {**use, "shape": shape})


def parameter_problems(
    name: str, parameters: Mapping[str, Value], shape: Shape, definition: FaultDefinition, where: str
) -> Iterator[Problem]:
    """Yield what is wrong with the parameters, and with the ramp, of one use of the fault `name`."""
    for key, value in parameters.items():
        parameter = definition.settings.get(key)
        if parameter is None:
            known = ", ".join(sorted(definition.settings)) or "none"
            yield Problem(where, f"{name} has no parameter {key}.", f"Its parameters are: {known}.")
        else:
            yield from _value_problems(f"{name}: {key}", value, parameter, where)
    if isinstance(shape, Ramp):
        parameter = definition.settings.get(shape.parameter)
        if parameter is None or isinstance(parameter.default, str):
            numbers = [key for key, one in definition.settings.items() if not isinstance(one.default, str)]
            cure = f"Ramp one of: {', '.join(sorted(numbers)) or 'nothing can be'}."
            yield Problem(where, f"{name} has no number called {shape.parameter} to ramp.", cure)
        else:
            for value in (shape.start, shape.end):
                yield from _value_problems(f"{name}: a ramp of {shape.parameter}", value, parameter, where, ramp=True)


def _value_problems(
    what: str, value: Value, parameter: Parameter, where: str, *, ramp: bool = False
) -> Iterator[Problem]:
    unit = parameter.unit or "plain numbers"
    if isinstance(parameter.default, str):
        if not isinstance(value, str):
            yield Problem(where, f"{what} = {value!r} is not a text.", 'Write it in quotes: "…".')
        return
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield Problem(where, f"{what} = {value!r} is not a number.", f"Write it in {unit}.")
        return
    if abs(value) > _LARGEST:
        yield Problem(where, f"{what} is out of range.", f"Choose nothing beyond {_LARGEST:g}.")
        return
    if isinstance(parameter.default, int) and not ramp and not float(value).is_integer():
        yield Problem(where, f"{what} = {value} is not a whole number.", f"Write whole {unit}.")
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        cure = f"Choose from {'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'} {parameter.unit}".rstrip()
        yield Problem(where, f"{what} = {value} is out of range.", f"{cure}.")
