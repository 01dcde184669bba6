"""A provider in the test's own process, on a real port: for what one request makes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson

from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.application import Application
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.execution.upstream.connection import Connection
from gatebench.execution.upstream.faults.contract import Fault
from gatebench.execution.upstream.ledger import Ledger
from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.sample import ATTEMPT

T = TypeVar("T")
HOUR_NS = 3600 * 10**9
VOCABULARIES = {"tenant": ("tenant-0", "tenant-1"), "fault": ("", "broken")}
CHAT = {"messages": [{"role": "user", "content": "one two three"}], "max_tokens": 3}


class Rig:
    """One provider in this process, on a port of its own."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.path = folder / "attempts.arrow"
        base = {
            "name": "provider-a",
            "port": 0,
            "admin_token": "0123456789",
            "run": "0123abcd",
            "seed": 7,
            "latency": {"ttft_median_ms": 0, "token_ms": 0},
            "vocabularies": VOCABULARIES,
            "stream_path": self.path,
        }
        self.config = ProviderConfig.model_validate(base | config)
        self.faults = ActiveFaults(7, VOCABULARIES["fault"])
        self.failures: list[dict[str, Any]] = []

    def run(self, test: Callable[[Rig], Awaitable[T]]) -> T:
        """Serve while `test` runs, then close the books."""

        async def serve() -> T:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: self.failures.append(context))
            self.ledger = Ledger("provider-a", StreamWriter(ATTEMPT, self.path, VOCABULARIES), "0123abcd")
            control = Admin(
                name="provider-a",
                token="0123456789",
                ledger=self.ledger,
                faults=self.faults,
                mechanisms={},
                clock=time.monotonic_ns,
            )
            self.application = Application(self.config, self.ledger, self.faults, control)
            server = await loop.create_server(partial(Connection, self.application, set()), "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            try:
                return await test(self)
            finally:
                server.close()
                await asyncio.gather(*self.application.tasks, return_exceptions=True)
                self.ledger.close()

        return asyncio.run(serve())

    async def ask(self, request: bytes) -> bytes:
        """What comes back until the provider closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer

    def put(self, fault: Fault) -> None:
        """Switch `fault` on for an hour."""
        self.faults.put("broken", "provider.broken", fault, time.monotonic_ns(), HOUR_NS)

    @property
    def rows(self) -> list[dict[str, int]]:
        """The ledger, read back."""
        tail = StreamTail(self.path)
        assert tail.complete
        assert tail.table is not None
        return list(tail.table.to_pylist())


def post(what: object = CHAT, *headers: bytes, path: bytes = b"/v1/chat/completions", method: bytes = b"POST") -> bytes:
    """A request that asks for the connection to be closed after its answer."""
    body = what if isinstance(what, bytes) else orjson.dumps(what)
    lines = b"".join(header + b"\r\n" for header in (b"host: h", b"connection: close", *headers))
    return b"%b %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (method, path, lines, len(body), body)


def one(rig: Rig, request: bytes) -> tuple[bytes, dict[str, int]]:
    """The answer to one request, and its row."""
    answer = rig.run(lambda rig: rig.ask(request))
    (row,) = rig.rows
    return answer, row
