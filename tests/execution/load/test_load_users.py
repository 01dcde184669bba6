"""Closed users wait for their answers and think before they ask again; every request of theirs has a row."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gatebench.execution.load.answer import NO_CAUSE, Answer
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.turns import Turns
from gatebench.execution.load.users import UserArrivals, UsersWalk
from gatebench.execution.load.wire import Wire
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint, Plan
from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.sample import SAMPLE, TARGET
from gatebench.schedule import ThinkTimes, Users
from tests.execution.load.plans import load_plan

MS = 1_000_000


class Waiting:
    """A target without sockets that takes some milliseconds for each answer."""

    def __init__(self, takes_ms: float) -> None:
        self.turns = Turns()
        self.most = self.busy = 0
        self._takes_ns = round(takes_ms * MS)

    def exchange(self, answer: Answer, wire: bytes, *, stream: bool, read_bytes_per_s: int = 0) -> None:
        self.busy += 1
        self.most = max(self.most, self.busy)
        answer.sent_ns = time.monotonic_ns()
        self.turns.until(answer.sent_ns + self._takes_ns)
        self.busy -= 1
        answer.status = 200
        answer.conclude(NO_CAUSE, time.monotonic_ns(), stream=stream)


def users_plan(users: Users, duration_s: float, workers: int = 1) -> Plan:
    """Return a plan whose load is closed."""
    made = load_plan(duration_s=duration_s, workers=workers, pool=users.count)
    return made.model_copy(update={"load": made.load.model_copy(update={"load": users, "scheduled": 0})})


def walked(plan: Plan, users: Users, tmp_path: Path, client: Any, worker: int = 0) -> list[dict[str, int]]:
    """Walk one worker's users and return its rows."""
    path = tmp_path / f"samples-{worker}.arrow"
    words = plan.vocabularies()
    recorder = Recorder(StreamWriter(SAMPLE, path, words), words["provider"], words["tenant"])
    arrivals = UserArrivals(
        plan, users, worker, {TARGET: Wire(Endpoint(authority="test"), plan.token, "header", Secrets())}
    )
    walk = UsersWalk(plan.load, arrivals, {TARGET: client}, recorder, Meter(worker), turns=client.turns)
    walk.run(time.monotonic_ns() + 20 * MS)
    recorder.close()
    table = StreamTail(path).table
    assert table is not None
    rows: list[dict[str, int]] = table.to_pylist()
    assert len(rows) == arrivals.count
    return rows


def walked_enough(
    plan: Plan, users: Users, tmp_path: Path, client: Any, enough: Callable[[list[dict[str, int]]], bool]
) -> list[dict[str, int]]:
    """Walk all workers' users until there are enough rows, three times at most: a busy machine may stand still for half a second."""
    for walk in range(3):
        folder = tmp_path / str(walk)
        folder.mkdir()
        workers = range(plan.load.workers)
        rows = [row for worker in workers for row in walked(plan, users, folder, client, worker)]
        if enough(rows):
            return rows
    raise AssertionError(f"{len(rows)} rows are too few")


@pytest.mark.parametrize("workers", [1, 3])
def test_each_user_asks_one_thing_at_a_time(tmp_path: Path, workers: int) -> None:
    """Numbers without a gap, the next one due exactly a think time after the answer, every user with one worker."""
    users = Users(count=7, think="20ms")
    plan = users_plan(users, 0.5, workers)
    client = Waiting(5)

    def six_of_each(rows: list[dict[str, int]]) -> bool:
        asked = Counter(row["arrival_id"] % 7 for row in rows)
        return all(asked[user] > 5 for user in range(7))

    rows = walked_enough(plan, users, tmp_path, client, six_of_each)
    assert client.most <= 7
    for user in range(7):
        mine = sorted((row for row in rows if row["arrival_id"] % 7 == user), key=lambda row: row["arrival_id"])
        thinking = ThinkTimes(users, plan.seed, user)
        assert [row["arrival_id"] // 7 for row in mine] == list(range(len(mine)))
        for number, (before, after) in enumerate(pairwise(mine), start=1):
            assert after["due_ns"] - before["done_ns"] == thinking.before_ns(number)


def test_users_without_a_thought_never_rest(tmp_path: Path) -> None:
    """No think time: as many requests in flight as users, and the hub still reads answers."""
    users = Users(count=4, think="0s")
    client = Waiting(2)
    walked_enough(users_plan(users, 0.3), users, tmp_path, client, lambda rows: len(rows) > 40)
    assert client.most == 4


def test_nobody_asks_after_the_end(tmp_path: Path) -> None:
    """Whoever thinks beyond the end of the run sends nothing more, and who waits is waited for."""
    users = Users(count=5, think="10s", think_times="constant")
    rows = walked(users_plan(users, 0.2), users, tmp_path, Waiting(50))
    assert len(rows) <= 5
    assert all(row["outcome"] == 0 for row in rows)
