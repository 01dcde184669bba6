"""For files of user code: `from gatebench.locust import GatewayUser, task`.

Importing this imports Locust, which replaces sockets and sleep of the process. So a scenario must not: it names the
file by path, `traffic=user_code("FILE.py")`, and only load processes import it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import locust
from locust import TaskSet

from gatebench.execution.load.gateway_user import GatewayUser
from gatebench.execution.load.task_client import TaskClient, TaskResponse

__all__ = ["GatewayUser", "TaskClient", "TaskResponse", "TaskSet", "task"]

_Task = TypeVar("_Task", bound=Callable[..., Any])


@overload
def task(weight: _Task) -> _Task: ...


@overload
def task(weight: int = 1) -> Callable[[_Task], _Task]: ...


def task(weight: Any = 1) -> Any:
    """Mark a method (or a task set) as a task, `@task`, or as one that is drawn more often, `@task(3)`: Locust's own."""
    return locust.task(weight)
