"""The proxied routes: takes a client's request in, has it answered, and gives the answer out."""

from __future__ import annotations

import asyncio
import logging
import time

from aiohttp import web

from .answer import Outgoing, Whole
from .errors import error_answer, no_answer
from .failover import Answered, Failover
from .headers import upward
from .log import note
from .metrics import Metrics
from .stream import pass_on


class Relay:
    """Serves the routes of `app` from whichever provider answers."""

    def __init__(self, failover: Failover, metrics: Metrics, *, body_s: float, idle_s: float) -> None:
        self._failover = failover
        self._metrics = metrics
        self._body_s = body_s
        self._idle_s = idle_s
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
            response, outcome = await self._answer(request)
            return response
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
            self._metrics.in_flight.dec()
            self._metrics.request_ended(outcome, time.monotonic() - started_s)

    async def _answer(self, request: web.Request) -> tuple[web.StreamResponse, str]:
        try:
            async with asyncio.timeout(self._body_s):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            return error_answer(413, "body_too_large", error.text or "The body is too large."), "bad_request"
        except TimeoutError:
            return error_answer(408, "body_too_slow", "The body did not arrive in time."), "bad_request"
        outgoing = Outgoing(request.method, request.rel_url.raw_path_qs, upward(request.headers), body)
        result = await self._failover.answer(outgoing)
        if isinstance(result, Answered):
            return await self._give_out(request, result)
        if result.last is None:
            return no_answer(result), "refused"
        provider, failure = result.last
        note(logging.WARNING, "no provider answered", last=provider.name, why=str(failure))
        return no_answer(result), "failed"

    async def _give_out(self, request: web.Request, result: Answered) -> tuple[web.StreamResponse, str]:
        answer, provider = result.answer, result.provider
        answer.headers["X-Served-By"] = provider.name
        if isinstance(answer, Whole):
            outcome = "ok" if answer.status < 400 else "rejected"
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body), outcome
        response, ending = await pass_on(request, answer, self._idle_s)
        if ending == "broken":
            provider.breaker.failed(result.permit)
            self._metrics.attempt_ended(provider.name, "broken")
            note(logging.WARNING, "a stream broke off", provider=provider.name)
        return response, ending
