"""A task of the user's own code: what it asks for is known when it asks."""

from __future__ import annotations

from gatebench.traffic.draw import Draw
from gatebench.traffic.kinds.registry import register
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route


class Task:
    """Stands for the task until it makes its requests: only the route and the tenant are drawn."""

    needs_bytes = 0

    def __init__(self, route: Route, index: int) -> None:
        self._index = index

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return what the arrival is known by."""
        return Request("", "", b"", self._index, tenant, False, 0)


register("task", Task)
