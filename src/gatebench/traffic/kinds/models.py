"""The list of models: the cheapest request that an OpenAI-compatible gateway forwards."""

from __future__ import annotations

from gatebench.traffic.draw import Draw
from gatebench.traffic.kinds.registry import register
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route


class Models:
    """`GET /v1/models` has no body."""

    needs_bytes = 0

    def __init__(self, route: Route, index: int, seed: int) -> None:
        self._index = index

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return the request; nothing about it is drawn."""
        return Request("GET", "/v1/models", b"", self._index, tenant, False, 0)


register("models", Models)
