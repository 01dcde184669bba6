"""Closed loads: users who ask, wait for the answer, think, and ask again. Offered under their own name only.

A closed load slows down when its target does, so its latencies are not those of a stream of strangers (`measurement.md` 3).
"""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from gatebench.schedule.curve import Moment
from gatebench.units import duration_s

_SEED_OF_THINKING = 0x7417
_BLOCK = 64


class Users(BaseModel):
    """`count` users; each thinks for `think` on average between an answer and its next request."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["users"] = "users"
    count: int = Field(ge=1, le=20_000)
    think: Moment = "1s"
    think_times: Literal["exponential", "constant"] = "exponential"

    def think_s(self) -> float:
        """Return the mean think time in seconds."""
        return duration_s(self.think)

    def sentence(self) -> str:
        """Return the load in words."""
        return f"closed load of {self.count} users who think {self.think} ({self.think_times})"


def users(count: int, *, think: str = "1s", think_times: str = "exponential", **unknown: Any) -> Users:
    """A closed load: `count` users with a think time."""
    return cast(Users, {"model": "users", "count": count, "think": think, "think_times": think_times, **unknown})


class ThinkTimes:
    """How long one user thinks before each of its requests: a pure function of (seed, user, iteration).

    Before the first request users wait a random part of a think time, so that they do not begin as a herd.
    """

    def __init__(self, load: Users, seed: int, user: int) -> None:
        self._mean_ns = load.think_s() * 1e9
        self._constant = load.think_times == "constant"
        self._random = np.random.default_rng([seed, _SEED_OF_THINKING, user])
        self._start_ns = round(self._random.random() * self._mean_ns)
        self._drawn = [self._start_ns]

    def before_ns(self, iteration: int) -> int:
        """Return the think time before request `iteration` (from 0), nanoseconds."""
        while len(self._drawn) <= iteration:
            self._drawn += self._block().tolist()
        return self._drawn[iteration]

    def _block(self) -> npt.NDArray[np.int64]:
        if self._constant:
            return np.full(_BLOCK, round(self._mean_ns), dtype=np.int64)
        return np.rint(self._random.exponential(self._mean_ns, _BLOCK)).astype(np.int64)


def arrival_of(users_: int, user: int, iteration: int) -> int:
    """Return the arrival id of a user's request; `user_of` takes it apart."""
    return iteration * users_ + user


def user_of(users_: int, arrival_id: int) -> tuple[int, int]:
    """Return (user, iteration) of an arrival id."""
    iteration, user = divmod(arrival_id, users_)
    return user, iteration
