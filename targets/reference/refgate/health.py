"""Liveness, readiness and metrics: the routes that operators ask. None of them touches a provider."""

from __future__ import annotations

from aiohttp import web

from .metrics import Metrics


class Health:
    """Live as long as the process can answer; ready until it drains.

    Breakers do not turn readiness red: taking every replica of a gateway out because a provider is down would turn a
    clear 503 into a refused connection.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.draining = False

    async def live(self, request: web.Request) -> web.Response:
        """Always 200: restart the process only when this does not answer."""
        return web.json_response({"status": "live"})

    async def ready(self, request: web.Request) -> web.Response:
        """200, or 503 while draining: send traffic only on 200."""
        if self.draining:
            return web.json_response({"status": "draining"}, status=503)
        return web.json_response({"status": "ready"})

    async def metrics(self, request: web.Request) -> web.Response:
        """Everything in Prometheus' text format."""
        return web.Response(body=self._metrics.render(), headers={"Content-Type": self._metrics.content_type})

    async def say_goodbye(self, request: web.Request, response: web.StreamResponse) -> None:
        """While draining, close each connection with its answer, so that clients connect elsewhere and lose nothing."""
        if self.draining:
            response.force_close()
            response.headers["Connection"] = "close"  # aiohttp has written the field before it asks us
