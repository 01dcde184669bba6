"""A task of the user's own code: what it asks for is known when it asks, so there is nothing to compose."""

from __future__ import annotations

from typing import Final

from gatebench.traffic.draw import Draw
from gatebench.traffic.kinds.registry import register
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route

TASK: Final = "TASK"
"""The method of a request that stands for a task; it never goes on a wire."""


class Task:
    """The seeded draw chooses the route, and with it the task."""

    needs_bytes = 0

    def __init__(self, route: Route, index: int, seed: int) -> None:
        self._index = index

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return the stand-in."""
        return Request(TASK, "/", b"", self._index, tenant, False, 0)


register("task", Task)
