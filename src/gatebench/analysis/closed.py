"""Does Little's law hold? The one identity that a closed load's books must fulfil, whatever the target did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatebench.analysis.tables import RunTables
from gatebench.schedule import ThinkTimes
from gatebench.schedule.closed import user_of

_LEAST_ANSWERS: Final = 10


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
    """Return the law over the run after its warm-up; None for an open load or when too few answers came.

    Every moment of every user is either waiting for an answer or thinking, for as long as the seed drew. Both are added up
    within the window, cut at its edges, so that the law is an identity: nothing that a target does can break it, only rows
    that are lost, made up or moved, or a generator that is late.
    """
    users = tables.plan.load.users
    if users is None:
        return None
    start_ns = max((phase.end_ns for phase in tables.plan.phases if phase.role == "warmup"), default=0)
    end_ns = tables.end_ns
    waited_ns = thought_ns = 0
    answers = 0
    for user, visits in visits_by_user(tables).items():
        thinking = ThinkTimes(users, tables.plan.seed, user)
        thought_ns += _within(0, thinking.before_ns(0), start_ns, end_ns)
        for visit in visits:
            done_ns = end_ns if visit.done_ns is None else visit.done_ns
            waited_ns += _within(visit.due_ns, done_ns, start_ns, end_ns)
            if visit.done_ns is not None:
                answers += start_ns <= done_ns < end_ns
                after_ns = done_ns + thinking.before_ns(visit.iteration + 1)
                thought_ns += _within(done_ns, after_ns, start_ns, end_ns)
    if answers < _LEAST_ANSWERS:
        return None
    return Law(
        throughput_per_s=answers / ((end_ns - start_ns) / 1e9),
        response_s=waited_ns / answers / 1e9,
        think_s=thought_ns / answers / 1e9,
        configured=users.count,
        cycles=answers,
    )


@dataclass(frozen=True)
class Visit:
    """One request of one user, nanoseconds from the start of the load; `done_ns` is None while it was under way."""

    iteration: int
    due_ns: int
    done_ns: int | None


def visits_by_user(tables: RunTables) -> dict[int, list[Visit]]:
    """Return the visits of every user of a closed load, in order; a user without rows has none."""
    users = tables.plan.load.users
    if users is None:
        return {}
    found: dict[int, list[Visit]] = {user: [] for user in range(users.count)}
    rows = tables.samples.sort_values("arrival_id")
    under_way = rows["outcome"].isin(("in_flight", "unsent"))
    columns = (rows["arrival_id"], rows["due_ns"], rows["done_ns"], under_way)
    for arrival, due_ns, done_ns, open_still in zip(*(column.tolist() for column in columns), strict=True):
        user, iteration = user_of(users.count, arrival)
        done = None if open_still else done_ns - tables.start_ns
        found[user].append(Visit(iteration, due_ns - tables.start_ns, done))
    return found


def _within(begin_ns: int, end_ns: int, first_ns: int, last_ns: int) -> int:
    """Return how much of [begin, end) lies within [first, last)."""
    return max(0, min(end_ns, last_ns) - max(begin_ns, first_ns))
