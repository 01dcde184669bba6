"""What a task asks through, `self.client`, and what it gets: Locust's shape, our client, our rows."""

from __future__ import annotations

import json as jsons
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.wire import header_problems
from gatebench.sample import CAUSES, OK, OUTCOMES

Body = bytes | str | Mapping[str, Any] | None


class Asked(Protocol):
    """Whoever sends what a task asks for."""

    def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, name: str | None, stream: bool
    ) -> Answer:
        """Send one request, wait for its answer, and leave its row."""


class TaskResponse:
    """An answer, or why there was none: then `status_code` is 0 and `cause` says why.

    `outcome` and `cause` are the words of the samples table; `content` holds at most the first and last parts of 1 MiB.
    """

    def __init__(self, answer: Answer) -> None:
        self.status_code: int = answer.status
        self.content: bytes = answer.body
        self.outcome: str = OUTCOMES[answer.outcome]
        self.cause: str = CAUSES[answer.cause]
        self.tokens: int = answer.tokens

    @property
    def ok(self) -> bool:
        """Whether the answer was complete with a status 2xx, a stream with its terminal event."""
        return self.outcome == OUTCOMES[OK]

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """Return the body read as JSON; ValueError when it is none."""
        return jsons.loads(self.content)

    def __repr__(self) -> str:
        return f"<TaskResponse {self.status_code} {self.outcome} {self.cause}>".replace(" >", ">")


class TaskClient:
    """Asks the gateway. A request that fails returns a response that says so; nothing is raised and nothing sent twice."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Body = None,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        stream: bool = False,
    ) -> TaskResponse:
        """Send one request to `path` of the gateway.

        `json` or `data` (bytes, text, or fields of a form) is the body, `name` the route of the row instead of the
        task's own, and `stream` reads the answer as server-sent events. `headers` replace ours of the same name. Raises
        ValueError for what cannot be sent.
        """
        method = method.upper()
        if not (method.isascii() and method.isalpha()):
            raise ValueError(f'"{method}" is no method')
        if not path.startswith("/") or not path.isascii() or any(char <= " " or char == "\x7f" for char in path):
            raise ValueError(f'"{path}" is no path; write one like /v1/models, blanks and letters beyond ASCII escaped')
        body, content_type = _body(json, data)
        lines = {key.lower(): value for key, value in (headers or {}).items()}
        wrong = header_problems(lines)
        if wrong:
            raise ValueError("; ".join(str(problem).replace("--header", "the header") for problem in wrong))
        if content_type and "content-type" not in lines:
            lines["content-type"] = content_type
        return TaskResponse(self._asked.ask(method, path, body, lines, name=name, stream=stream))

    def get(self, path: str, **more: Any) -> TaskResponse:
        """Send a GET; what else may be said is that of `request`."""
        return self.request("GET", path, **more)

    def post(self, path: str, data: Body = None, json: Any = None, **more: Any) -> TaskResponse:
        """Send a POST."""
        return self.request("POST", path, data=data, json=json, **more)

    def put(self, path: str, data: Body = None, **more: Any) -> TaskResponse:
        """Send a PUT."""
        return self.request("PUT", path, data=data, **more)

    def patch(self, path: str, data: Body = None, **more: Any) -> TaskResponse:
        """Send a PATCH."""
        return self.request("PATCH", path, data=data, **more)

    def delete(self, path: str, **more: Any) -> TaskResponse:
        """Send a DELETE."""
        return self.request("DELETE", path, **more)

    def head(self, path: str, **more: Any) -> TaskResponse:
        """Send a HEAD."""
        return self.request("HEAD", path, **more)


def _body(json: Any, data: Body) -> tuple[bytes, str]:
    """Return the body and its type, both empty when there is none."""
    if json is not None and data is not None:
        raise ValueError("json and data exclude each other")
    if json is not None:
        return jsons.dumps(json, separators=(",", ":"), ensure_ascii=False).encode(), "application/json"
    if data is None:
        return b"", ""
    if isinstance(data, Mapping):
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    return (data.encode() if isinstance(data, str) else bytes(data)), "application/octet-stream"
