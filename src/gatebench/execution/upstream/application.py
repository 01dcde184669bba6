"""What a provider serves: where a request goes, and the row that every arrival leaves behind."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence

import orjson

from gatebench.execution.upstream import admin, answering
from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.answering import Asked
from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.chat import ChatRequest, Refusal, count_tokens, parse_chat
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.execution.upstream.connection import MOST_BODY_BYTES, Connection, Request
from gatebench.execution.upstream.exchange import Exchange
from gatebench.execution.upstream.faults.contract import Fault
from gatebench.execution.upstream.latency import Latency
from gatebench.execution.upstream.ledger import Ledger
from gatebench.stamp import fingerprint

_STAMPABLE = re.compile(rb"[A-Za-z0-9_.-]+")
_JSON = b"content-type: application/json\r\n"
_METHODS = {"/v1/chat/completions": b"POST", "/v1/models": b"GET"}


class Application:
    """Serves /v1/*, /health and the control API. Every request but those for the latter two is an attempt."""

    def __init__(self, config: ProviderConfig, ledger: Ledger, faults: ActiveFaults, control: Admin) -> None:
        self._latency = Latency(config.latency, config.seed, config.name)
        self._ledger = ledger
        self._faults = faults
        self._control = control
        self._id_in_header = config.request_id == "header"
        self._id_in_user = config.request_id == "user"
        self._tenants = {name.encode(): code for code, name in enumerate(config.vocabularies.get("tenant", ()))}
        self.tasks: set[asyncio.Task[None]] = set()

    def serve(self, connection: Connection, request: Request) -> None:
        """Answer `request` now if nothing has to be waited for, else in a task of its own."""
        path = request.path
        if path in _METHODS:
            self._attempt(connection, request)
        elif path == "/health":
            connection.respond(200, _JSON, b'{"status":"ok"}')
        elif path.startswith(admin.PREFIX):
            status, what = self._control.reply(request)
            connection.respond(status, _JSON, orjson.dumps(what))
        else:
            self._attempt(connection, request)

    def _attempt(self, connection: Connection, request: Request) -> None:
        """Open the attempt, and let the faults and then the provider answer."""
        asked = _asked(request)
        attempt = self._open(connection, request, asked)
        faults: Sequence[Fault] = ()
        if self._faults.any and request.path.startswith("/v1/"):
            faults = self._faults.hitting(attempt, time.monotonic_ns())
        exchange = Exchange(attempt, connection, self._ledger, faults)
        if faults or (isinstance(asked, ChatRequest) and (asked.stream or not self._latency.instant)):
            self._ledger.hold(attempt)
            task = asyncio.get_running_loop().create_task(self._answer(exchange, asked))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return
        try:
            exchange.answer(*answering.whole(attempt, asked))
        except BaseException:
            exchange.fail()
            raise

    def _open(self, connection: Connection, request: Request, asked: Asked) -> Attempt:
        """Write down who asks for what."""
        headers = request.headers
        tenant = headers.get(b"x-gatebench-tenant", b"")
        carrier = headers.get(b"x-request-id", b"") if self._id_in_header else b""
        if not isinstance(asked, ChatRequest):
            attempt = self._ledger.arrive(carrier, connection.ordinal, request.received_ns)
        else:
            user = asked.user.encode() if asked.user else b""
            attempt = self._ledger.arrive(
                user if self._id_in_user else carrier, connection.ordinal, request.received_ns
            )
            attempt.fingerprint = fingerprint(asked.prompt)
            attempt.stream = asked.stream
            attempt.tokens_in = count_tokens(asked.prompt)
            if not tenant and user in self._tenants:
                tenant = user
        if tenant:
            code = self._tenants.get(tenant)
            if code is not None:
                attempt.tenant = code
                attempt.tenant_name = tenant
            elif _STAMPABLE.fullmatch(tenant):
                attempt.tenant_name = tenant
        return attempt

    async def _answer(self, exchange: Exchange, asked: Asked) -> None:
        try:
            await exchange.begin()
            if not exchange.over:
                if isinstance(asked, ChatRequest):
                    await self._chat(exchange, asked)
                else:
                    await exchange.respond(*answering.whole(exchange.attempt, asked))
            exchange.abandon()
        except BaseException:
            exchange.fail()
            raise

    async def _chat(self, exchange: Exchange, asked: ChatRequest) -> None:
        due_ns = self._latency.token_due_ns(exchange.attempt.latency_key(), asked.tokens)
        if asked.stream:
            await answering.stream(exchange, asked, due_ns)
        else:
            await answering.complete(exchange, asked, due_ns[-1])


def _asked(request: Request) -> Asked:
    """Return what is asked for: a completion, None for the list of models, or why neither."""
    expected = _METHODS.get(request.path)
    if expected is None:
        known = "Use POST /v1/chat/completions or GET /v1/models."
        return Refusal(404, f"{request.path} is unknown. {known}", code="unknown_url")
    if request.method != expected:
        message = f"{request.method.decode('ascii')} is not allowed here. Use {expected.decode('ascii')}."
        return Refusal(405, message, code="method_not_allowed")
    if request.body is None:
        return Refusal(413, f"The body is larger than {MOST_BODY_BYTES} bytes. Send less.", code="body_too_large")
    if expected == b"GET":
        return None
    try:
        return parse_chat(request.body)
    except Refusal as refusal:
        return refusal
