"""The tasks of a user's file, in one order that planning and workers agree on, and the users who run them."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locust import User
from locust.env import Environment
from locust.util.load_locustfile import load_locustfile

from gatebench.execution.load.gateway_user import GatewayUser
from gatebench.execution.load.task_client import TaskClient


@dataclass(frozen=True)
class UserTask:
    """One task of one class: `name` is that of its route, `weight` its share."""

    name: str
    weight: float
    user: type[GatewayUser]
    function: Callable[[Any], object]


def loaded(file: str) -> tuple[dict[str, type[User]], list[Any]]:
    """Import a locustfile as Locust does; returns its user classes and the shapes it holds."""
    classes, shapes = load_locustfile(str(Path(file).resolve()))
    return classes, shapes


def tasks_of(classes: dict[str, type[User]], wanted: str | None) -> list[UserTask]:
    """Return the tasks of every GatewayUser class (or of `wanted` alone) in the order of their names."""
    found = []
    for name, user in sorted(classes.items()):
        if not issubclass(user, GatewayUser) or (wanted is not None and name != wanted):
            continue
        counts = Counter(user.tasks)
        found += [
            UserTask(f"{name}.{function.__name__}", user.weight * count / len(user.tasks), user, function)
            for function, count in counts.items()
        ]
    return sorted(found, key=lambda task: task.name)


def nested(user: type[User]) -> list[str]:
    """Return the names of the task sets among a user's tasks: they loop by themselves, which one arrival cannot."""
    return sorted({task.__name__ for task in user.tasks if inspect.isclass(task)})


class UserPool:
    """Lends users to arrivals: one that is free, else a new one, whose on_start runs in the arrival that needs it first."""

    def __init__(self, make_client: Callable[[], TaskClient]) -> None:
        self._make_client = make_client
        self._environment = Environment(user_classes=[])
        self._free: dict[type[GatewayUser], list[GatewayUser]] = {}
        self.made = 0

    def lease(self, user: type[GatewayUser]) -> tuple[GatewayUser, bool]:
        """Return a user nobody else has, and whether it is new."""
        free = self._free.setdefault(user, [])
        if free:
            return free.pop(), False
        self.made += 1
        fresh = user(self._environment)
        fresh.client = self._make_client()
        return fresh, True

    def give_back(self, user: GatewayUser) -> None:
        """Take a user back whose task is over."""
        self._free[type(user)].append(user)
