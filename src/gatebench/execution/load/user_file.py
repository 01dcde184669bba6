"""Loads a file of the user's own Locust classes, and lists what is in it. Only child processes import this: it imports Locust."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from locust import FastHttpUser, HttpUser, LoadTestShape, SequentialTaskSet, TaskSet
from locust.user.task import is_markov_taskset
from locust.util.load_locustfile import load_locustfile

from gatebench.execution.load.gateway_user import GatewayUser
from gatebench.sources import no_bytecode

Kind = Literal["gateway", "http", "fasthttp", "user"]
_KINDS: Final[tuple[tuple[type, Kind], ...]] = (
    (GatewayUser, "gateway"),
    (FastHttpUser, "fasthttp"),
    (HttpUser, "http"),
)


@dataclass(frozen=True)
class UserTask:
    """A task of a user class, and the task sets around it, the outermost first.

    `weight` is the class's weight × the task's share within its class.
    """

    name: str
    user_class: type[Any]
    holders: tuple[type[Any], ...]
    function: Callable[[Any], object]
    weight: float


@dataclass(frozen=True)
class UserFile:
    """The runnable user classes of a file by name, as Locust finds them, and its shapes."""

    path: Path
    users: dict[str, type[Any]]
    shapes: tuple[LoadTestShape, ...]


def read_user_file(path: Path) -> UserFile:
    """Import the file as Locust does. Whatever it raises comes through."""
    with no_bytecode():
        users, shapes = load_locustfile(str(path.resolve()))
    wanted = {name: user for name, user in users.items() if user.weight > 0 or user.fixed_count > 0}
    return UserFile(path, wanted, tuple(shapes))


def kind_of(user_class: type[Any]) -> Kind:
    """Return which base a user class stands on."""
    return next((kind for base, kind in _KINDS if issubclass(user_class, base)), "user")


def tasks_of(user_class: type[Any]) -> list[UserTask]:
    """Return every task of a class; a task set gives its own tasks, sharing its weight."""
    return list(_flat(user_class, user_class, (), float(user_class.weight)))


def problems_of(user_class: type[Any]) -> list[str]:
    """Return what keeps a GatewayUser's tasks from being run one for each arrival, a sentence each."""
    found = [*_ordered(user_class)]
    name = user_class.__name__
    if user_class.fixed_count:
        found.append(f"{name} has a fixed_count, but users are made as arrivals need them; give it a weight instead.")
    tasks = [task.name for task in tasks_of(user_class)]
    if not tasks and not found:
        found.append(f"{name} has no task; write @task above a method.")
    found += [f"{task} is the name of several tasks; give each its own." for task, n in Counter(tasks).items() if n > 1]
    found += [
        f"{task} is no name for a route; write the task as a function with a plain name."
        for task in tasks
        if not (task.isascii() and all(part.isidentifier() for part in task.split(".")))
    ]
    return found


def _ordered(holder: type[Any]) -> Iterator[str]:
    for task in dict.fromkeys(holder.tasks):
        if not _is_task_set(task):
            continue
        if issubclass(task, SequentialTaskSet) or is_markov_taskset(task):
            yield (
                f"{task.__name__} runs its tasks in an order, but an arrival runs one task; write the sequence as one task "
                "that makes several requests."
            )
        else:
            yield from _ordered(task)


def _flat(
    user_class: type[Any], holder: type[Any], holders: tuple[type[Any], ...], weight: float
) -> Iterator[UserTask]:
    times = Counter(holder.tasks)
    for task, count in times.items():
        share = weight * count / times.total()
        if _is_task_set(task):
            yield from _flat(user_class, task, (*holders, task), share)
        else:
            path = (user_class, *holders, task)
            yield UserTask(".".join(part.__name__ for part in path), user_class, holders, task, share)


def _is_task_set(task: Any) -> bool:
    return inspect.isclass(task) and issubclass(task, TaskSet)
