"""The HTTP side answers whatever comes, and an engine that fails says so instead of dropping the connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gatebench.execution.toxiproxy.api import ROUTES, Engine
from gatebench.execution.toxiproxy.asgi import Application
from gatebench.execution.toxiproxy.context import Context
from gatebench.execution.toxiproxy.proxies import Proxies
from tests.execution.toxiproxy.fakes import FakeClock


def ask(method: str, path: str, bodies: list[bytes], proxies: Any = None) -> tuple[int, dict[bytes, bytes], bytes]:
    """Make one request of an application without a network; the body comes in as many pieces as given."""
    sent: list[Any] = []

    async def scene() -> None:
        engine = Engine(proxies or Proxies(Context(asyncio.get_running_loop(), FakeClock(), 1)), "2.12.0")
        incoming = [
            {"type": "http.request", "body": body, "more_body": place + 1 < len(bodies)}
            for place, body in enumerate(bodies)
        ]

        async def receive() -> Any:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", b"localhost:1")]}
        await Application(engine)(scope, receive, send)

    asyncio.run(scene())
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_a_body_in_pieces_is_one_body() -> None:
    """Chunked requests are read to their end."""
    status, _, body = ask("POST", "/populate", [b"[", b"]", b""])
    assert (status, body.startswith(b'{"proxies":null')) == (201, True)


def test_a_body_that_is_too_long_is_refused_and_not_kept() -> None:
    """413, after all of it has been read, so that the client sees the answer."""
    status, _, body = ask("POST", "/populate", [bytes(1_000_000)] * 5)
    assert status == 413
    assert b"longer than" in body


def test_double_slashes_are_redirected() -> None:
    """To the path without them, quoted."""
    status, headers, _ = ask("GET", "//proxies//a b", [b""])
    assert (status, headers[b"location"]) == (301, b"/proxies/a%20b")


def test_an_engine_that_fails_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """500 with what went wrong, and the log has the traceback."""

    class Broken:
        def to_json(self) -> Any:
            raise ZeroDivisionError("broken on purpose")

    status, _, body = ask("GET", "/proxies", [b""], Broken())
    assert status == 500
    assert b"broken on purpose" in body
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("path", "route", "names"),
    [
        ("/proxies/a", "/proxies/{}", ("a",)),
        ("/proxies/toxics", "/proxies/{}", ("toxics",)),
        ("/proxies/a/toxics/b", "/proxies/{}/toxics/{}", ("a", "b")),
        ("/proxies/a/", None, None),
        ("/proxies//toxics", None, None),
        ("/proxies/a/toxic", None, None),
        ("proxies", None, None),
        ("", None, None),
    ],
)
def test_routes(path: str, route: str | None, names: tuple[str, ...] | None) -> None:
    """A path belongs to one route at most, and no name is empty."""
    found = [(candidate.path, candidate.match(path)) for candidate in ROUTES if candidate.match(path) is not None]
    assert found == ([] if route is None else [(route, names)])
