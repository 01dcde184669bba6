"""The base class of a user's own tasks under an open schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locust import User

if TYPE_CHECKING:
    from gatebench.execution.load.task_client import TaskClient


class GatewayUser(User):  # type: ignore[misc]  # the type checker does not follow Locust, so its User is Any
    """Write tasks as for Locust; each arrival of the schedule leases one instance and runs one of them.

    `self.client` speaks to the target through gatebench's own client: every request is a row with its id and its stamp. A
    `wait_time` has no effect: when to ask is the schedule's business.
    """

    abstract = True
    client: TaskClient
