"""A fault plan: faults × places × windows under one name, as a file of `chaos/` with `[[fault]]` entries."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gatebench.faults import Duration, FaultUse, Value
from gatebench.shapes import PositiveDuration, Shape, Step


class Window(BaseModel):
    """One stretch of a plan: when it begins after the start of its phase, and how long it lasts (to the end by default)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Duration = "0s"
    duration: PositiveDuration | None = None


class PlanEntry(BaseModel):
    """A fault of a plan: on one place or several, in one window or several, each of the same shape."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1)
    on: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    windows: tuple[Window, ...] = Field(default=(Window(),), min_length=1)
    shape: Shape = Step()
    parameters: dict[str, Value] = Field(default_factory=dict)

    @field_validator("on", mode="before")
    @classmethod
    def _one_or_several(cls, on: object) -> object:
        return (on,) if isinstance(on, str) else on

    def uses(self) -> list[FaultUse]:
        """Return every use that this stands for: each place in each window."""
        return [
            FaultUse(
                name=self.name,
                on=place,
                after=window.after,
                duration=window.duration,
                shape=self.shape,
                parameters=self.parameters,
            )
            for place in self.on
            for window in self.windows
        ]


class FaultPlan(BaseModel):
    """What goes wrong, where and when; a phase of a scenario refers to it by the name of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(min_length=1)
    fault: tuple[PlanEntry, ...] = Field(min_length=1)

    def uses(self) -> list[FaultUse]:
        """Return every use of a fault that the plan makes."""
        return [use for entry in self.fault for use in entry.uses()]
