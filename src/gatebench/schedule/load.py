"""Every kind of load that a scenario may have, told apart by its `model`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from gatebench.schedule.closed import Users
from gatebench.schedule.locustfile import Locustfile
from gatebench.schedule.open import Load


class Trace(BaseModel):
    """A recorded load, replayed: a CSV file with one arrival a line (`trace_file.read_trace` says which columns).

    `file` is looked for beside the scenario, then in the workspace; a plan holds where it was found, its digest, and how many
    arrivals lie beyond the end of the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["trace"] = "trace"
    file: str = Field(min_length=1)
    speed: float = Field(default=1.0, gt=0)
    digest: str = ""
    left_out: int = 0

    def sentence(self) -> str:
        """Return the load in words."""
        return f"replay of {self.file}" + (f" at {self.speed:g} × its speed" if self.speed != 1 else "")


class Mixed(BaseModel):
    """Several open loads at once; each may be for one route or one tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["mixed"] = "mixed"
    parts: tuple[Load, ...] = Field(min_length=1, max_length=100)

    def peak_per_s(self) -> float:
        """Return an upper bound of the highest rate: the sum of the parts' peaks."""
        return sum(part.peak_per_s() for part in self.parts)

    def times(self, factor: float) -> Mixed:
        """Return this load with every rate multiplied."""
        return self.model_copy(update={"parts": tuple(part.times(factor) for part in self.parts)})

    def stretched(self, factor: float) -> Mixed:
        """Return this load with its moments and lengths multiplied."""
        return self.model_copy(update={"parts": tuple(part.stretched(factor) for part in self.parts)})

    def sentence(self) -> str:
        """Return the load in words."""
        return " + ".join(part.sentence() for part in self.parts)


AnyLoad = Annotated[Load | Trace | Users | Mixed | Locustfile, Field(discriminator="model")]


def trace(file: str, *, speed: float = 1.0, **unknown: Any) -> Trace:
    """Replay the arrivals of a CSV file; `speed` 2 replays them in half the time."""
    return cast(Trace, {"model": "trace", "file": file, "speed": speed, **unknown})


def mixed(*parts: Load, **unknown: Any) -> Mixed:
    """Several open loads at once: `mixed(poisson("50/s"), spike("1/s", "200/s", at="5s", tenant="tenant-0"))`."""
    return cast(Mixed, {"model": "mixed", "parts": parts, **unknown})


def open_parts(load: Load | Trace | Users | Mixed | Locustfile) -> tuple[Load, ...]:
    """Return the open loads that a load is made of; a trace, users and a locustfile have none."""
    if isinstance(load, Mixed):
        return load.parts
    return (load,) if isinstance(load, Load) else ()
