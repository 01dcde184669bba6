"""The client that a user's task holds: the generator's own, with every request recorded, stamped and counted."""

from __future__ import annotations

import json as json_module
import time
from collections.abc import Callable, Mapping
from typing import Any

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.client import Client
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.wire import Wire, header_problems
from gatebench.sample import OK, OUTCOMES
from gatebench.stamp import fingerprint
from gatebench.traffic import Request

_MOST_ORDINAL = 0xFFFF


class Response:
    """What came back: `status_code` (0 when nothing did), `content`, `text`, `json()`, and the `outcome` of its row."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.content = answer.body
        self.outcome = OUTCOMES[answer.outcome]
        self.ok = answer.outcome == OK
        self.elapsed_ms = (answer.done_ns - answer.sent_ns) / 1e6
        self.tokens = answer.tokens

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON; ValueError when it is none."""
        return json_module.loads(self.content)


class TaskClient:
    """Speaks for one user. `arrival` is the flight of the arrival whose task runs, None between two of them."""

    def __init__(self, client: Client, wire: Wire, conclude: Callable[[Flight], None]) -> None:
        self.arrival: Flight | None = None
        self.open: list[Flight] = []
        self.asked = 0
        self._client = client
        self._wire = wire
        self._conclude = conclude

    def lease(self, arrival: Flight | None) -> None:
        """Begin to speak for an arrival, or for none."""
        self.arrival = arrival
        self.asked = 0

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        name: str | None = None,
    ) -> Response:
        """Send one request and wait for its answer, which is never an exception; `stream` reads server-sent events.

        The first request of a task is due when its arrival was, each further one when the task asks for it. `path` begins
        with a slash: where it goes is the run's business.
        """
        if self.arrival is None:
            raise RuntimeError("self.client was used outside of a task; ask from a task, or from on_start")
        if not path.startswith("/"):
            raise ValueError(f'"{path}" is no path; write one that begins with /, the host is the target\'s')
        flight = self._flight(
            self.arrival, method.upper(), path, _body(json, data), _lines(headers or {}), stream=stream
        )
        self.open.append(flight)
        self._client.exchange(flight.answer, flight.wire, stream=stream)
        if flight in self.open:  # else the run is over and has written its row
            self.open.remove(flight)
            self._conclude(flight)
        return Response(flight.answer)

    def get(self, path: str, **more: Any) -> Response:
        """`request("GET", …)`."""
        return self.request("GET", path, **more)

    def head(self, path: str, **more: Any) -> Response:
        """`request("HEAD", …)`."""
        return self.request("HEAD", path, **more)

    def post(self, path: str, data: bytes | str | None = None, json: Any = None, **more: Any) -> Response:
        """`request("POST", …)`."""
        return self.request("POST", path, data=data, json=json, **more)

    def put(self, path: str, data: bytes | str | None = None, json: Any = None, **more: Any) -> Response:
        """`request("PUT", …)`."""
        return self.request("PUT", path, data=data, json=json, **more)

    def patch(self, path: str, data: bytes | str | None = None, json: Any = None, **more: Any) -> Response:
        """`request("PATCH", …)`."""
        return self.request("PATCH", path, data=data, json=json, **more)

    def delete(self, path: str, **more: Any) -> Response:
        """`request("DELETE", …)`."""
        return self.request("DELETE", path, **more)

    def _flight(self, arrival: Flight, method: str, path: str, body: bytes, headers: bytes, *, stream: bool) -> Flight:
        if self.asked > _MOST_ORDINAL:
            raise RuntimeError(f"one task made more than {_MOST_ORDINAL} requests")
        ordinal, self.asked = self.asked, self.asked + 1
        request = Request(
            method,
            path,
            body,
            arrival.request.route,
            arrival.request.tenant,
            stream,
            _fingerprint(body),
            headers=headers,
        )
        wire = self._wire.request(request, arrival.arrival_id, ordinal, arrival.kind)
        due_ns = arrival.due_ns if ordinal == 0 else time.monotonic_ns()
        flight = Flight(
            arrival.arrival_id,
            arrival.kind,
            arrival.phase,
            due_ns=due_ns,
            request=request,
            wire=wire,
            lane=arrival.lane,
        )
        flight.ordinal = ordinal
        return flight


def _body(json: Any, data: bytes | str | None) -> bytes:
    if json is not None:
        return json_module.dumps(json, separators=(",", ":")).encode()
    return data.encode() if isinstance(data, str) else data or b""


def _lines(headers: Mapping[str, str]) -> bytes:
    problems = header_problems(headers)
    if problems:
        raise ValueError(" ".join(str(problem) for problem in problems))
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items())


def _fingerprint(body: bytes) -> int:
    """Return the fingerprint of a chat prompt, as a provider sees it; 0 for anything else."""
    try:
        contents = [message["content"] for message in json_module.loads(body)["messages"]]
        return fingerprint("\n".join(contents))
    except (ValueError, KeyError, TypeError):
        return 0
