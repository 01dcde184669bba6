"""A user's own locustfile as a load: closed, and whatever its users do; only how many there are and for how long is ours."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Locustfile(BaseModel):
    """The users of a locustfile. With a LoadTestShape in it, the shape says how many there are and when it is over."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["locustfile"] = "locustfile"
    file: str
    digest: str
    classes: tuple[str, ...]
    shape: str | None = None
    users: int = Field(default=1, ge=1, le=20_000)
    spawn_rate_per_s: float = Field(default=1.0, gt=0)

    def sentence(self) -> str:
        """Return the load in words."""
        if self.shape is not None:
            return f"closed load of Locust users as {self.shape} says"
        return f"closed load of {self.users} Locust users, {self.spawn_rate_per_s:g} more each second"
