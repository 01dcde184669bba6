"""The base of users whose tasks are run by an open schedule. Only child processes import this: it imports Locust."""

from __future__ import annotations

from locust import User

from gatebench.execution.load.task_client import TaskClient


class GatewayUser(User):  # type: ignore[misc]  # the type checker does not follow Locust, so its User is Any
    """A user of the gateway: write `@task` methods that ask through `self.client`.

    Each arrival of the schedule leases one user and has it run one task, drawn by the schedule's seed. `on_start` runs
    once for each user, in the first arrival that needs it; `wait_time` and `on_stop` mean nothing here.
    """

    abstract = True
    client: TaskClient
