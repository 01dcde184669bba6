"""Providers for the targets' tests: real servers on port 0 that answer, drop, hang, stream and die on command."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

Behaviour = Callable[["FakeProvider", web.Request], Awaitable[web.StreamResponse]]
Result = TypeVar("Result")
FIRST_EVENT = b'data: {"token": 1}\n\n'
LAST_EVENTS = b'data: {"token": 2}\n\ndata: [DONE]\n\n'
_PATIENCE_S = 20.0
_TURNS_TO_MAKE_A_CONNECTION = 3


@dataclass(frozen=True)
class Seen:
    """A request as it arrived at a provider."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Stage:
    """An event loop in a thread of its own, on which the fake providers of a test play."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._providers: list[FakeProvider] = []

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` on the stage and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE_S)

    def provider(self, name: str) -> FakeProvider:
        """Return a new provider that answers."""
        provider = FakeProvider(name)
        self.do(provider.start())
        self._providers.append(provider)
        return provider

    def close(self) -> None:
        """End every provider and the loop."""
        for provider in self._providers:
            self.do(provider.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE_S)
        self.loop.close()


class FakeProvider:
    """One provider: set `behave` to what it does from now on, and read `seen`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.behave: Behaviour = answers
        self.seen: list[Seen] = []
        self.port = 0
        self.host = "127.0.0.1"
        self._runner: web.ServerRunner | None = None
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen, on the same port as before if it did."""
        server = web.Server(self._serve, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        self._listener = socket.create_server((self.host, self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        await web.SockSite(self._runner, self._listener).start()

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None and self._listener is not None:
            # A connection whose transport is made after the server was closed is left open by asyncio (before 3.12
            # an assertion, after it nobody's), so those accepted become the server's before it closes.
            asyncio.get_running_loop().remove_reader(self._listener)
            for _ in range(_TURNS_TO_MAKE_A_CONNECTION):
                await asyncio.sleep(0)
            await self._runner.cleanup()
            self._runner = self._listener = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.raw_path, dict(request.headers), body))
        assert isinstance(request, web.BaseRequest)
        return await self.behave(self, request)  # type: ignore[arg-type]  # a plain server makes BaseRequests


async def answers(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """200, with the provider's name."""
    return web.json_response({"provider": provider.name}, headers={"x-provider": provider.name})


async def drops(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """Take the request, close the connection, say nothing."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def truncates(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """Begin an answer and close before its end."""
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"provider": ')
    return await drops(provider, request)


async def talks_nonsense(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """Send something that is not HTTP."""
    assert request.transport is not None
    request.transport.write(b"NONSENSE\r\n\r\n")
    return await drops(provider, request)


async def streams(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """A whole event stream."""
    response = await _open_stream(request)
    await response.write(LAST_EVENTS)
    return response


async def dies_in_stream(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """One event, then the connection closes."""
    await _open_stream(request)
    return await drops(provider, request)


async def dies_before_first_event(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """The head of a stream, then the connection closes."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return await drops(provider, request)


def announces(*events: bytes, then: Behaviour) -> Behaviour:
    """Return the behaviour that begins a stream with `events` and goes on as `then` does."""

    async def begins(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(event)
        return await then(provider, request)

    return begins


async def ends_before_first_event(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """An event stream without any event, cleanly ended."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def forgets_the_end(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """One event, then a clean end of the body without the terminal event."""
    return await _open_stream(request)


async def streams_on_and_on(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """Events until nobody listens."""
    response = await _open_stream(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(FIRST_EVENT)
            await asyncio.sleep(0)
    return response


def status(number: int, **headers: str) -> Behaviour:
    """Return the behaviour that answers `number`."""

    async def refuses(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": "from the provider"}}, status=number, headers=fields)

    return refuses


class Gate:
    """Holds requests until it is opened, and tells when one has come to it: tests wait for facts, not for time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._opened = asyncio.Event()
        self.reached = threading.Event()
        self.left = threading.Event()

    def before(self, behave: Behaviour) -> Behaviour:
        """Return the behaviour that waits here first; `left` is set when its client does not wait that long."""

        async def waits(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
            await self._wait()
            return await behave(provider, request)

        return waits

    def within_stream(
        self, after: bytes = LAST_EVENTS, first: bytes = FIRST_EVENT, then: Behaviour | None = None
    ) -> Behaviour:
        """Return the behaviour that sends a first event, waits here, and sends the rest, or goes on as `then` does."""

        async def waits(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
            response = await _open_stream(request, first)
            await self._wait()
            if then is not None:
                return await then(provider, request)
            await response.write(after)
            return response

        return waits

    def open(self) -> None:
        """Let everybody go on."""
        self._stage.loop.call_soon_threadsafe(self._opened.set)

    async def _wait(self) -> None:
        self.reached.set()
        try:
            await self._opened.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise


async def _open_stream(request: web.Request, first: bytes = FIRST_EVENT) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(first)
    return response
