"""Does Little's law hold? The one identity that a closed load's books must fulfil, whatever the target did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gatebench.analysis.tables import RunTables
from gatebench.schedule import ThinkTimes
from gatebench.schedule.closed import user_of

_LEAST_CYCLES: Final = 50


@dataclass(frozen=True)
class Law:
    """X, R and Z of a closed load, and the users that they imply; rates in 1/s, times in s."""

    throughput_per_s: float
    response_s: float
    think_s: float
    configured: int
    cycles: int

    @property
    def users(self) -> float:
        """X (R + Z)."""
        return self.throughput_per_s * (self.response_s + self.think_s)

    @property
    def off(self) -> float:
        """Relative difference from the users that there are."""
        return self.users / self.configured - 1

    def sentence(self) -> str:
        """Return the law with its numbers."""
        return (
            f"{self.throughput_per_s:.2f}/s × ({self.response_s * 1e3:.1f} ms + {self.think_s * 1e3:.1f} ms think time) = "
            f"{self.users:.2f} of {self.configured} users ({self.off:+.1%})"
        )


def littles_law(tables: RunTables) -> Law | None:
    """Return the law over the run after its warm-up; None for an open load or when too few cycles were completed.

    A cycle counts when its answer came within the window; its think time is the one that followed it, by the seed.
    """
    plan = tables.plan
    users = plan.load.users
    if users is None:
        return None
    start_ns = max((phase.end_ns for phase in plan.phases if phase.role == "warmup"), default=0)
    done_ns = tables.samples["done_ns"].to_numpy() - tables.start_ns
    ended = ~tables.samples["outcome"].isin(("in_flight", "unsent")).to_numpy()
    inside = ended & (done_ns >= start_ns) & (done_ns < tables.end_ns)
    rows = tables.samples[inside]
    if len(rows) < _LEAST_CYCLES:
        return None
    thinking = [ThinkTimes(users, plan.seed, user) for user in range(users.count)]
    after = [user_of(users.count, arrival) for arrival in rows["arrival_id"].tolist()]
    thought_ns = [thinking[user].before_ns(iteration + 1) for user, iteration in after]
    return Law(
        throughput_per_s=len(rows) / ((tables.end_ns - start_ns) / 1e9),
        response_s=float((rows["done_ns"] - rows["due_ns"]).mean()) / 1e9,
        think_s=float(np.mean(thought_ns)) / 1e9,
        configured=users.count,
        cycles=len(rows),
    )
