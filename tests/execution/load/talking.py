"""Talking to a scripted server through the client, for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.client import Client
from gatebench.plan import DeadlinesPlan, Endpoint
from gatebench.sample import CAUSES, OUTCOMES
from tests.execution.load.servers import Behaviour, ScriptedServer

MS = 1_000_000
WIRE = b'POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: 13\r\n\r\n{"prompt": 1}'
BIG = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 8000000\r\n\r\n" + b"x" * 8_000_000
LONG_MS = 30_000


def make_client(port: int, *, connect_ms: int = LONG_MS, read_ms: int = LONG_MS, total_ms: int = LONG_MS) -> Client:
    """Return a client of this machine's `port`, patient unless told otherwise."""
    deadlines = DeadlinesPlan(connect_ns=connect_ms * MS, read_ns=read_ms * MS, total_ns=total_ms * MS)
    return Client(Endpoint(host="127.0.0.1", port=port), deadlines)


def ask(client: Client, wire: bytes = WIRE, *, stream: bool = False) -> Answer:
    """Make one exchange and return its answer."""
    answer = Answer()
    client.exchange(answer, wire, stream=stream)
    return answer


def verdict(answer: Answer) -> tuple[str, str]:
    """Return outcome and cause in words."""
    return OUTCOMES[answer.outcome], CAUSES[answer.cause]


@contextmanager
def talking_to(behaviour: Behaviour, **deadlines_ms: int) -> Iterator[tuple[Client, ScriptedServer]]:
    """Yield a client and the server it talks to."""
    with ScriptedServer(behaviour) as server:
        client = make_client(server.port, **deadlines_ms)
        yield client, server
        client.close()
