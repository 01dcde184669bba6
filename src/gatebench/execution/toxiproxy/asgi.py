"""The HTTP side of the API: which requests are heard at all, and what an answer looks like on the wire."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from gatebench import __version__
from gatebench.execution.toxiproxy.api import ROUTES, Answer, Engine, Operation, Request
from gatebench.execution.toxiproxy.body import encode
from gatebench.execution.toxiproxy.refusal import Refusal

ENGINE_HEADER = "x-gatebench-engine"
AT_HEADER = "x-gatebench-at-ns"

Message = MutableMapping[str, Any]
Response = tuple[int, list[tuple[bytes, bytes]], bytes]

_OWN_NAMES = {"127.0.0.1", "localhost", "[::1]"}
_LARGEST_BODY_BYTES = 4 * 1024 * 1024
_PLAIN = (b"content-type", b"text/plain; charset=utf-8")
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_ENGINE = (ENGINE_HEADER.encode(), __version__.encode())
_log = logging.getLogger("gatebench.toxiproxy")


class Application:
    """An ASGI application over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one HTTP request."""
        body = await _read(receive)
        status, headers, payload = self._respond(scope, body)
        if status != 204:
            headers.append((b"content-length", str(len(payload)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    def _respond(self, scope: Message, body: bytes | None) -> Response:
        asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = re.sub(r":\d+$", "", asked.get(b"host", ""))
        if host not in _OWN_NAMES:
            text = f'The Host header says "{host}"; this API answers to 127.0.0.1, localhost and [::1] only.\n'
            return 403, [_PLAIN], text.encode()
        path: str = scope["path"]
        if "//" in path:
            return 301, [(b"location", quote(re.sub("/+", "/", path)).encode())], b""
        for route in ROUTES:
            names = route.match(path)
            if names is not None:
                operation = route.operations.get(scope["method"])
                if operation is None:
                    return 405, [], b""
                status, headers, payload = self._operate(operation, names, asked.get(b"user-agent", ""), body)
                request_id = secrets.token_hex(10).encode()
                return status, [*headers, (b"x-toxiproxy-request-id", request_id), _ENGINE], payload
        return 404, [_PLAIN, _NOSNIFF], b"404 page not found\n"

    def _operate(self, operation: Operation, names: tuple[str, ...], agent: str, body: bytes | None) -> Response:
        if agent.startswith("Mozilla/"):  # no web page may reach the API through a browser
            return 403, [_PLAIN, _NOSNIFF], b"User agent not allowed\n"
        try:
            if body is None:
                raise Refusal(413, f"bad request body: longer than {_LARGEST_BODY_BYTES} bytes")
            return _describe(operation(self._engine, Request(names, body)))
        except Refusal as refusal:
            return _refused(refusal)
        except Exception as error:
            _log.exception("%s failed", operation.__name__)
            return _refused(Refusal(500, f"internal error: {error!r}"))


async def _read(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """Return the request's body, None when it is longer than anybody's should be."""
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)
        size += len(message.get("body", b""))
        if size <= _LARGEST_BODY_BYTES:
            chunks.append(message.get("body", b""))
    return b"".join(chunks) if size <= _LARGEST_BODY_BYTES else None


def _refused(refusal: Refusal) -> Response:
    payload = encode(refusal.to_json()) + b"\n"
    return refusal.status, [_PLAIN, _NOSNIFF], payload


def _describe(answer: Answer) -> Response:
    headers = [] if answer.status == 204 else [(b"content-type", answer.content_type.encode())]
    if answer.at_ns is not None:
        headers.append((AT_HEADER.encode(), str(answer.at_ns).encode()))
    return answer.status, headers, answer.body
