"""What a provider serves: where a request goes, and the row that every arrival leaves behind."""

from __future__ import annotations

import asyncio
import re
import time

import orjson

from gatebench.execution.upstream import admin, answer, answering
from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.chat import ChatRequest, Refusal, parse_chat
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.execution.upstream.connection import MOST_BODY_BYTES, Connection, Request
from gatebench.execution.upstream.exchange import Exchange
from gatebench.execution.upstream.latency import Latency
from gatebench.execution.upstream.ledger import Ledger
from gatebench.sample import NO_WORD
from gatebench.stamp import fingerprint

_STAMPABLE = re.compile(rb"[A-Za-z0-9_.-]+")
_JSON = b"content-type: application/json\r\n"

Asked = ChatRequest | Refusal | None


class Application:
    """Serves /v1/*, /health and the control API. Every request but those for the latter two is an attempt."""

    def __init__(self, config: ProviderConfig, ledger: Ledger, faults: ActiveFaults, control: Admin) -> None:
        self._name = config.name
        self._latency = Latency(config.latency, config.seed, config.name)
        self._ledger = ledger
        self._faults = faults
        self._control = control
        self._id_in = config.request_id
        self._tenants = {name: code for code, name in enumerate(config.vocabularies.get("tenant", ()))}
        self.tasks: set[asyncio.Task[None]] = set()

    def serve(self, connection: Connection, request: Request) -> None:
        """Answer `request` now if nothing has to be waited for, else in a task of its own."""
        if request.path == "/health":
            connection.respond(200, _JSON, b'{"status":"ok"}')
        elif request.path.startswith(admin.PREFIX):
            status, what = self._control.reply(request.method, request.path, request.headers, request.body or b"")
            connection.respond(status, _JSON, orjson.dumps(what))
        else:
            self._attempt(connection, request)

    def _attempt(self, connection: Connection, request: Request) -> None:
        """Open the attempt, and let the faults and then the provider answer."""
        asked = _asked(request)
        exchange = self._open(connection, request, asked)
        instant = isinstance(asked, Refusal | None) or (self._latency.instant and not asked.stream)
        if instant and not exchange.faults:
            try:
                self._answer_now(exchange, asked)
            except BaseException:
                exchange.fail()
                raise
        else:
            task = asyncio.get_running_loop().create_task(self._answer(exchange, asked))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _open(self, connection: Connection, request: Request, asked: Asked) -> Exchange:
        """Write down who asks for what."""
        chat = asked if isinstance(asked, ChatRequest) else None
        headers = request.headers
        carrier = b""
        if self._id_in == "header":
            carrier = headers.get(b"x-request-id", b"")
        elif self._id_in == "user" and chat is not None:
            carrier = chat.user.encode()
        attempt = self._ledger.arrive(carrier, connection.ordinal, request.received_ns)
        tenant = headers.get(b"x-gatebench-tenant", b"")
        name = tenant.decode("ascii") if tenant and _STAMPABLE.fullmatch(tenant) else ""
        if chat is not None:
            attempt.fingerprint = fingerprint(chat.prompt)
            attempt.stream = chat.stream
            attempt.tokens_in = len(chat.prompt.split())
            if not name and chat.user in self._tenants:
                name = chat.user
        attempt.tenant = self._tenants.get(name, NO_WORD["u2"])
        faults = self._faults.hitting(attempt, time.monotonic_ns()) if request.path.startswith("/v1/") else ()
        return Exchange(attempt, connection, self._ledger, provider=self._name, tenant=name, faults=faults)

    def _answer_now(self, exchange: Exchange, asked: Asked) -> None:
        if isinstance(asked, ChatRequest):
            body, stamp = answering.completion(exchange, asked)
            exchange.answer(200, body, stamp, tokens=asked.tokens)
        else:
            exchange.answer(*_unasked(exchange, asked))

    async def _answer(self, exchange: Exchange, asked: Asked) -> None:
        try:
            await exchange.begin()
            if exchange.over:
                pass
            elif isinstance(asked, ChatRequest):
                await self._chat(exchange, asked)
            else:
                await exchange.respond(*_unasked(exchange, asked))
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
    expected = {"/v1/chat/completions": "POST", "/v1/models": "GET"}.get(request.path)
    if expected is None:
        known = "Use POST /v1/chat/completions or GET /v1/models."
        return Refusal(404, f"{request.path} is unknown. {known}", code="unknown_url")
    if request.method != expected:
        return Refusal(405, f"{request.method} is not allowed here. Use {expected}.", code="method_not_allowed")
    if request.body is None:
        return Refusal(413, f"The body is larger than {MOST_BODY_BYTES} bytes. Send less.", code="body_too_large")
    if expected == "GET":
        return None
    try:
        return parse_chat(request.body)
    except Refusal as refusal:
        return refusal


def _unasked(exchange: Exchange, asked: Refusal | None) -> tuple[int, bytes, bytes]:
    """Return status, body and stamp of what is not a completion: the list of models, or a refusal."""
    now_ns = time.monotonic_ns()
    exchange.attempt.wrote(now_ns)
    stamp = exchange.stamp(now_ns, exchange.attempt.service_ns)
    if asked is None:
        return 200, answer.models(stamp, int(time.time())), stamp
    return asked.status, answer.error(stamp, asked), stamp
