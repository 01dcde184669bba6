"""`self.client` of a task: what it takes, what it refuses, what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gatebench.execution.load.answer import NO_CAUSE, REFUSED, Answer
from gatebench.execution.load.task_client import TaskClient


class Asked:
    """Remembers what was asked."""

    def __init__(self, status: int = 200, body: bytes = b'{"a": 1}', cause: int = NO_CAUSE) -> None:
        self.got: list[tuple[Any, ...]] = []
        self._status, self._body, self._cause = status, body, cause

    def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, name: str | None, stream: bool
    ) -> Answer:
        self.got.append((method, path, body, dict(headers), name, stream))
        answer = Answer()
        answer.status, answer.body = self._status, self._body
        answer.conclude(self._cause, 1, stream=False)
        return answer


def test_bodies() -> None:
    """JSON, bytes, text and forms, each with its type unless the headers say another."""
    asked = Asked()
    client = TaskClient(asked)
    client.post("/a", json={"x": "é"}, name="n", stream=True)
    client.put("/a", data={"x": [1, 2], "y": "&"})
    client.patch("/a", data="text", headers={"Content-Type": "text/plain"})
    client.delete("/a")
    client.head("/a")
    client.request("options", "/a?b=c")
    assert asked.got == [
        ("POST", "/a", '{"x":"é"}'.encode(), {"content-type": "application/json"}, "n", True),
        ("PUT", "/a", b"x=1&x=2&y=%26", {"content-type": "application/x-www-form-urlencoded"}, None, False),
        ("PATCH", "/a", b"text", {"content-type": "text/plain"}, None, False),
        ("DELETE", "/a", b"", {}, None, False),
        ("HEAD", "/a", b"", {}, None, False),
        ("OPTIONS", "/a?b=c", b"", {}, None, False),
    ]


@pytest.mark.parametrize(
    "call",
    [
        {"method": "GET", "path": "http://elsewhere/"},
        {"method": "GET", "path": "/a b"},
        {"method": "GET", "path": "/a\r\nx: y"},
        {"method": "GET", "path": "/é"},
        {"method": "GET X", "path": "/"},
        {"method": "GET", "path": "/", "headers": {"a": "b\r\nc: d"}},
        {"method": "GET", "path": "/", "headers": {"Content-Length": "5"}},
        {"method": "GET", "path": "/", "headers": {"X-Request-Id": "mine"}},
        {"method": "POST", "path": "/", "json": 1, "data": b"x"},
    ],
)
def test_what_cannot_be_sent_is_refused(call: dict[str, Any]) -> None:
    """Nothing goes out that would break the framing, leave the target, or take our id away."""
    asked = Asked()
    with pytest.raises(ValueError, match=r"is no|is written by|no header|exclude"):
        TaskClient(asked).request(**call)
    assert asked.got == []


def test_a_response() -> None:
    """Status, body, JSON; a failure is no exception and not ok."""
    answer = TaskClient(Asked()).get("/")
    assert (answer.ok, answer.status_code, answer.content, answer.text, answer.json()) == (
        True, 200, b'{"a": 1}', '{"a": 1}', {"a": 1},
    )  # fmt: skip
    assert not TaskClient(Asked(status=404)).get("/").ok
    refused = TaskClient(Asked(status=0, body=b"", cause=REFUSED)).get("/")
    assert (refused.ok, refused.status_code, refused.outcome, refused.cause) == (False, 0, "error", "refused")
    assert repr(refused) == "<TaskResponse 0 error refused>"
