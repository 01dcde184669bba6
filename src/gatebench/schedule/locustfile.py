"""The load of a user's own locustfile: Locust's users decide when they ask, so there is no schedule."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gatebench.schedule.curve import Moment


class Locustfile(BaseModel):
    """A locustfile that Locust's own runner drives. Only planning makes one: a scenario describes its load otherwise.

    `users`, `spawn_rate` (1/s) and `run_time` are as given; a `shape` (a LoadTestShape's name) needs none of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["locustfile"] = "locustfile"
    file: str = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=1)
    users: int | None = Field(default=None, ge=1, le=20_000)
    spawn_rate: float | None = Field(default=None, gt=0)
    run_time: Moment | None = None
    shape: str | None = None

    def sentence(self) -> str:
        """Return the load in words."""
        if self.shape is not None:
            return f"closed load of Locust's own users, as many as {self.shape} wants, think time unknown"
        return (
            f"closed load of {self.users} of Locust's own users, {self.spawn_rate:g} more a second, think time unknown"
        )
