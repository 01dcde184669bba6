"""Users: made on demand, started once, given back, and let go when they leave."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.execution.load.crowd import Crowd, TaskRun
from gatebench.execution.load.flight import Flight
from gatebench.traffic import Request
from gatebench.traffic.kinds.task import TASK


class Leave(Exception):
    """As StopUser."""


class Interrupt(Exception):
    """As InterruptTaskSet."""


class User:
    """Remembers what happened to it."""

    started = 0
    client: Any

    def on_start(self) -> None:
        type(self).started += 1


class Holder:
    """As a TaskSet."""

    started = 0

    def __init__(self, parent: Any) -> None:
        self.parent = parent

    def on_start(self) -> None:
        type(self).started += 1


class Task:
    """One task; `steps` are what it does at each call."""

    name = "User.task"
    user_class: type[Any] = User
    holders: tuple[type[Any], ...] = ()

    def __init__(self, *steps: Any) -> None:
        self.called_with: list[Any] = []
        self._steps = list(steps)

    def function(self, holder: Any) -> None:
        self.called_with.append(holder)
        step = self._steps.pop(0) if self._steps else None
        if step is not None:
            raise step


def crowd_of(task: Task) -> Crowd:
    """Return a crowd whose arrivals all run `task`."""
    return Crowd({0: task}, lambda user: user(), leaves=(Leave,), peaceful=(Interrupt,), files=[])


def perform(crowd: Crowd) -> TaskRun:
    """Have the crowd serve one arrival."""
    request = Request(TASK, "/", b"", 0, 0, False, 0)
    run = TaskRun(Flight(0, 0, 0, due_ns=0, request=request, wire=b""))
    crowd.perform(run, lambda *_, **__: None, lambda name: 7)  # type: ignore[arg-type]  # never asked
    return run


def test_one_user_serves_arrivals_that_follow_each_other() -> None:
    """It is made and started once, and the route of what on_start asks is its own only meanwhile."""
    User.started = 0
    task = Task()
    crowd = crowd_of(task)
    runs = [perform(crowd) for _ in range(5)]
    assert (crowd.made, User.started) == (1, 1)
    assert len(set(map(id, task.called_with))) == 1
    assert {run.route for run in runs} == {0}


def test_task_sets_are_made_once_a_user_and_know_their_parent() -> None:
    """The innermost is what the task is called with."""

    class Inner(Holder):
        pass

    Holder.started = Inner.started = 0
    task = Task()
    task.holders = (Holder, Inner)
    crowd = crowd_of(task)
    perform(crowd)
    perform(crowd)
    assert (Holder.started, Inner.started) == (1, 1)
    (inner,) = set(task.called_with)
    assert isinstance(inner, Inner)
    assert isinstance(inner.parent.parent, User)


@pytest.mark.parametrize(("step", "users", "errors"), [(Leave(), 2, 0), (Interrupt(), 1, 0), (ValueError("no"), 1, 1)])
def test_how_a_task_ends(step: Exception, users: int, errors: int) -> None:
    """Who leaves is replaced; an interrupt is no error; any other exception is one, and its user goes on."""
    crowd = crowd_of(Task(step))
    perform(crowd)
    perform(crowd)
    assert crowd.made == users
    assert sum(one["count"] for one in crowd.facts()["task_errors"]) == errors


def test_a_user_that_cannot_start_is_not_kept() -> None:
    """What __init__ and on_start raise is counted under their names, and the task is not run."""

    class NeverMade(User):
        def __init__(self) -> None:
            raise OSError("no room")

    class NeverStarted(User):
        def on_start(self) -> None:
            raise KeyError("password")

    for user_class, name in ((NeverMade, "NeverMade.__init__"), (NeverStarted, "NeverStarted.on_start")):
        task = Task()
        task.user_class = user_class
        crowd = crowd_of(task)
        perform(crowd)
        perform(crowd)
        assert task.called_with == []
        assert [(one["task"], one["count"]) for one in crowd.facts()["task_errors"]] == [(name, 2)]


def test_a_client_that_outlives_its_task_cannot_ask() -> None:
    """No arrival has the user then, and a request of nobody would have no row."""
    task = Task()
    crowd = crowd_of(task)
    perform(crowd)
    with pytest.raises(RuntimeError, match="outside of a task"):
        task.called_with[0].client.get("/a")
