"""What a provider serves: where a request goes, and the row that every arrival leaves behind."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import orjson

from gatebench.execution.upstream import admin, answering, bedrock
from gatebench.execution.upstream.active import ActiveFault, ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.anthropic import Messages
from gatebench.execution.upstream.api import Api, Asked
from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.bedrock import Invocation
from gatebench.execution.upstream.chat import Refusal, count_tokens
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.execution.upstream.connection import Connection, Request
from gatebench.execution.upstream.embeddings import Embeddings
from gatebench.execution.upstream.exchange import Exchange
from gatebench.execution.upstream.faulted import FaultedExchange
from gatebench.execution.upstream.faults.contract import DROPPED, HEALTHY
from gatebench.execution.upstream.latency import Latency
from gatebench.execution.upstream.ledger import Ledger
from gatebench.execution.upstream.limits import Limits
from gatebench.execution.upstream.openai import Chat, Models, Unknown
from gatebench.execution.upstream.origin import Origin
from gatebench.execution.upstream.rejection import refusal
from gatebench.resource import PREFIX
from gatebench.stamp import fingerprint

_STAMPABLE = re.compile(rb"[A-Za-z0-9_.-]+")
_JSON = b"content-type: application/json\r\n"
_CANARY = b"x-gatebench-canary"
_UNKNOWN: Api[Any] = Unknown()


class Application:
    """Serves /v1/*, /model/*, /rest/*, /health and the control API. Every request but those for the latter two is an attempt."""

    def __init__(self, config: ProviderConfig, ledger: Ledger, faults: ActiveFaults, control: Admin) -> None:
        self._latency = Latency(config.latency, config.seed, config.name)
        self._limits = Limits(config.limits, config.processes, time.monotonic_ns()) if config.limits else None
        self._ledger = ledger
        self._faults = faults
        self._control = control
        self._shared_port = config.port if config.processes > 1 else None
        self._id_in_header = config.request_id in ("header", "any")
        self._id_in_user = config.request_id in ("user", "any")
        self._tenants = {name.encode(): code for code, name in enumerate(config.vocabularies.get("tenant", ()))}
        self._origin: Api[Any] = Origin(config.rest, writable=config.processes == 1)
        self._bedrock: Api[Any] = Invocation()
        self._apis: dict[str, Api[Any]] = {
            "/v1/chat/completions": Chat(),
            "/v1/embeddings": Embeddings(),
            "/v1/messages": Messages(),
            "/v1/models": Models(),
        }
        self.tasks: set[asyncio.Task[None]] = set()

    def serve(self, connection: Connection, request: Request) -> None:
        """Answer `request` now if nothing has to be waited for, else in a task of its own."""
        path = request.path
        api = self._apis.get(path)
        if api is not None:
            self._attempt(connection, request, api)
        elif path.startswith(PREFIX):
            self._attempt(connection, request, self._origin)
        elif path.startswith(bedrock.PREFIX):
            self._attempt(connection, request, self._bedrock)
        elif path == "/health":
            self._health(connection)
        elif path.startswith(admin.PREFIX):
            status, what = self._controlled(connection, request)
            connection.respond(status, _JSON, orjson.dumps(what))
        else:
            self._attempt(connection, request, _UNKNOWN)

    def _controlled(self, connection: Connection, request: Request) -> admin.Reply:
        """Answer a control request, unless it came to a port where another process might have got it."""
        if connection.local_port == self._shared_port and request.path != f"{admin.PREFIX}payload":
            problem = "several processes share this port; ask each of them at its own admin_port"
            return 421, {"problems": [problem]}
        return self._control.reply(request)

    def _attempt(self, connection: Connection, request: Request, api: Api[Any]) -> None:
        """Open the attempt, and let the faults and then the provider answer."""
        asked: Asked | Refusal
        try:
            asked = api.read(request)
        except Refusal as refused:
            asked = refused
        attempt = self._open(connection, request, api, asked)
        faults = self._hitting(request, attempt, asked) if self._faults.any else None
        if faults:
            exchange: Exchange = FaultedExchange(attempt, connection, self._ledger, faults=faults, api=api, asked=asked)
        else:
            exchange = Exchange(attempt, connection, self._ledger)
        if not faults and self._limits is not None:
            asked = self._limited(exchange, api, asked)
        takes_time = api.timed and not isinstance(asked, Refusal) and (asked.stream or not self._latency.instant)
        if faults or takes_time:
            self._ledger.hold(attempt)
            task = asyncio.get_running_loop().create_task(self._answer(exchange, api, asked))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            return
        try:
            exchange.answer(*answering.whole(attempt, api, asked))
        except BaseException:
            exchange.fail()
            raise

    def _hitting(self, request: Request, attempt: Attempt, asked: Asked | Refusal) -> list[ActiveFault]:
        """Return the faults that hit `attempt`; a canary names the one that it is there to prove."""
        attempt.path = request.path
        attempt.model = "" if isinstance(asked, Refusal) else asked.model
        canary = request.headers.get(_CANARY, b"").decode("latin-1")
        return self._faults.hitting(attempt, time.monotonic_ns(), canary)

    def _health(self, connection: Connection) -> None:
        """Say that all is well, unless a fault takes that away too."""
        status = self._faults.health(time.monotonic_ns()) if self._faults.any else HEALTHY
        if status == DROPPED:
            connection.hang_up()
        else:
            connection.respond(status, _JSON, b'{"status":"ok"}' if status == HEALTHY else b'{"status":"down"}')

    def _limited(self, exchange: Exchange, api: Api[Any], asked: Asked | Refusal) -> Asked | Refusal:
        """Return what was asked if the limits let it through, else why not; the answer says where the limits stand.

        A request is charged for its prompt and for the whole answer that it asks for, as real providers do. A canary
        is charged nothing.
        """
        if self._limits is None or api.dialect is None or isinstance(asked, Refusal) or exchange.attempt.canary:
            return asked
        verdict = self._limits.ask(exchange.attempt.tokens_in + asked.tokens, time.monotonic_ns())
        exchange.headers = api.dialect(verdict, time.time_ns())
        return asked if verdict.exceeded is None else refusal(verdict.exceeded, asked.model)

    def _open(self, connection: Connection, request: Request, api: Api[Any], asked: Asked | Refusal) -> Attempt:
        """Write down who asks for what."""
        headers = request.headers
        tenant = headers.get(b"x-gatebench-tenant", b"")
        by_header = self._id_in_header or _CANARY in headers  # canaries are ours and come straight to us
        carrier = headers.get(b"x-request-id", b"") if by_header else b""
        by_header = by_header and (bool(carrier) or not self._id_in_user)
        if isinstance(asked, Refusal):
            attempt = self._ledger.arrive(carrier, connection.ordinal, request.received_ns)
        else:
            user = asked.user.encode() if asked.user else b""
            attempt = self._ledger.arrive(
                user if self._id_in_user and not by_header else carrier, connection.ordinal, request.received_ns
            )
            if api.timed:
                attempt.fingerprint = fingerprint(asked.prompt)
                attempt.stream = asked.stream
                if api.counts_tokens:
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

    async def _answer(self, exchange: Exchange, api: Api[Any], asked: Asked | Refusal) -> None:
        try:
            await exchange.begin()
            if not exchange.over:
                if exchange.faults:  # which came first: what they ended was charged nothing
                    asked = self._limited(exchange, api, asked)
                await self._proper(exchange, api, asked)
            exchange.abandon()
        except BaseException:
            exchange.fail()
            raise

    async def _proper(self, exchange: Exchange, api: Api[Any], asked: Asked | Refusal) -> None:
        """Give the answer of a provider that nothing is wrong with."""
        attempt = exchange.attempt
        if isinstance(asked, Refusal) or not api.timed:
            await exchange.respond(*answering.whole(attempt, api, asked))
            return
        tokens = max(1, asked.tokens)
        if attempt.canary:
            due_ns = [0] * tokens
        else:
            due_ns = self._latency.token_due_ns(
                attempt.latency_key(), tokens, ordinal=attempt.ordinal, tokens_in=attempt.tokens_in
            )
        if asked.stream:
            await answering.stream(exchange, api, asked, due_ns)
        else:
            await answering.complete(exchange, api, asked, due_ns[-1])
