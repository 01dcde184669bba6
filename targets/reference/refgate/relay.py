"""The proxied routes: takes a client's request in, has the pipeline answer it, and gives the answer out."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from .answer import Answer, Error, Whole
from .call import Call, take_in
from .errors import make_error, rendered
from .metrics import Metrics
from .stage import Next
from .stream import pass_on


class Relay:
    """Serves the routes of `app` with what `pipeline` answers."""

    def __init__(self, pipeline: Next, metrics: Metrics, *, body_s: float, idle_s: float, tells: bool = False) -> None:
        self._pipeline = pipeline
        self._metrics = metrics
        self._body_s = body_s
        self._idle_s = idle_s
        self._tells = tells
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def until_idle(self) -> None:
        """Return when no request is being served."""
        await self._idle.wait()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, and count it however it ends."""
        started_s = time.monotonic()
        self._in_flight += 1
        self._idle.clear()
        self._metrics.in_flight.inc()
        outcome = "cancelled"
        try:
            response, outcome = await self._answer(request, started_s)
            return response
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
            self._metrics.in_flight.dec()
            self._metrics.request_ended(outcome, time.monotonic() - started_s)

    async def _answer(self, request: web.Request, arrived_s: float) -> tuple[web.StreamResponse, str]:
        try:
            async with asyncio.timeout(self._body_s):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            message = error.text or "The body is too large."
            return rendered(make_error(413, "body_too_large", message)), "bad_request"
        except TimeoutError:
            return rendered(make_error(408, "body_too_slow", "The body did not arrive in time.")), "bad_request"
        call = take_in(request.method, request.rel_url.raw_path_qs, request.headers, body, arrived_s)
        outcome = "cancelled"
        try:
            answer = await self._pipeline(call)
            response, outcome = await self._give_out(request, call, answer)
            return response, outcome
        finally:
            call.ended(outcome)

    async def _give_out(self, request: web.Request, call: Call, answer: Answer) -> tuple[web.StreamResponse, str]:
        if isinstance(answer, Error):
            return rendered(answer), answer.outcome
        if isinstance(answer, Whole):
            outcome = "ok" if answer.status < 400 else "rejected"
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body), outcome
        return await pass_on(request, answer, self._idle_s, call.taps, tells=self._tells)
