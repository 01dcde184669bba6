"""Makes the crowd of a load process: the only place where a walk's users come from Locust."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from locust.env import Environment
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

from gatebench.execution.load.crowd import Crowd
from gatebench.execution.load.sandbox import guard_sockets
from gatebench.execution.load.user_file import kind_of, read_user_file, tasks_of
from gatebench.plan import Plan


def crowd_of(plan: Plan) -> Crowd | None:
    """Return the users that the plan's tasks need, none made yet; None when no route is a task."""
    routes = {place: route for place, route in enumerate(plan.traffic.routes) if route.kind == "task"}
    if not routes:
        return None
    guard_sockets(plan.allow_remote)
    files = {route.file: read_user_file(Path(route.file)) for route in routes.values()}
    classes = [
        (file, user_class)
        for file, found in files.items()
        for user_class in found.users.values()
        if kind_of(user_class) == "gateway"
    ]
    tasks = {(file, task.name): task for file, user_class in classes for task in tasks_of(user_class)}
    environment = Environment(user_classes=list(dict.fromkeys(user_class for _, user_class in classes)))
    return Crowd(
        {place: tasks[route.file, route.task] for place, route in routes.items()},
        partial(_make, environment),
        leaves=(StopUser, StopTest),
        peaceful=(InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately),
        files=[Path(file) for file in files],
    )


def _make(environment: Environment, user_class: type[Any]) -> Any:
    return user_class(environment)
