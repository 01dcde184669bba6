"""Locust's request event as a row: clocks, outcomes and causes, each from what its clients really raise."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3.exceptions

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.locust_event import fill
from gatebench.guard import RemoteRefused
from gatebench.sample import CAUSES, OUTCOMES

MS = 1_000_000
NOW_NS = 50_000 * MS
WALL_NS = 1_790_000_000_000 * MS


def filled(**event: Any) -> Answer:
    """Return the answer of an event that is reported now."""
    answer = Answer()
    fill(answer, {"response_time": 20.0, "response_length": 5, **event}, NOW_NS, WALL_NS)
    return answer


def caused(error: BaseException, by: BaseException) -> BaseException:
    """Chain two exceptions, as `raise … from …` does."""
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("event", "sent_ms", "done_ms"),
    [
        ({"start_time": (WALL_NS - 25 * MS) / 1e9}, -25, -5),  # reported 5 ms after its end, as catch_response does
        ({"start_time": (WALL_NS - 20 * MS) / 1e9}, -20, 0),
        ({"start_time": (WALL_NS + 3_600_000 * MS) / 1e9}, -20, 0),  # the calendar was set back by an hour meanwhile
        ({"start_time": 0.0}, -20, 0),  # a start before this machine was
        ({}, -20, 0),  # a client of the user's own that tells no start
        ({"response_time": None}, 0, 0),
        ({"response_time": -3}, 0, 0),
    ],
)
def test_times(event: dict[str, Any], sent_ms: float, done_ms: float) -> None:
    """Start and end stand on the monotonic clock, never in the future; half a microsecond is what a float costs."""
    answer = filled(**event)
    assert answer.sent_ns - NOW_NS == pytest.approx(sent_ms * MS, abs=500)
    assert answer.done_ns - NOW_NS == pytest.approx(done_ms * MS, abs=500)


CONNECTION = requests.ConnectionError(
    urllib3.exceptions.MaxRetryError(
        None,  # type: ignore[arg-type]  # no pool is needed for its name
        "/",
        caused(urllib3.exceptions.HTTPError("failed"), ConnectionRefusedError(111, "refused")),  # type: ignore[arg-type]
    )
)
FAILURES: list[tuple[Any, int, str, str]] = [
    (requests.HTTPError("500"), 500, "error", "status"),
    (type("BadStatusCode", (Exception,), {})("429"), 429, "rejected", "status"),
    (type("CatchResponseError", (Exception,), {})("wrong"), 503, "error", "status"),
    (type("CatchResponseError", (Exception,), {})("wrong"), 200, "error", "judged"),
    ("a text", 200, "error", "judged"),
    (RuntimeError("mine"), 0, "error", "judged"),
    (CONNECTION, 0, "error", "refused"),
    (requests.ConnectionError(caused(OSError("x"), RemoteRefused("away"))), 0, "error", "not_allowed"),
    (requests.ConnectTimeout("slow"), 0, "timeout", "connect_timeout"),
    (requests.ReadTimeout("slow"), 0, "timeout", "read_timeout"),
    (TimeoutError("slow"), 0, "timeout", "read_timeout"),
    (requests.exceptions.SSLError("bad"), 0, "error", "tls"),
    (ConnectionResetError(104, "reset"), 0, "error", "reset"),
    (type("RemoteDisconnected", (ConnectionResetError,), {})("gone"), 0, "error", "eof"),
    (socket.gaierror(-2, "unknown"), 0, "error", "unreachable"),
]


@pytest.mark.parametrize(("exception", "status", "outcome", "cause"), FAILURES)
def test_failures(exception: Any, status: int, outcome: str, cause: str) -> None:
    """What Locust calls a failure is one, with the cause that its client gives."""
    answer = filled(exception=exception, response=SimpleNamespace(status_code=status))
    assert (OUTCOMES[answer.outcome], CAUSES[answer.cause], answer.status) == (outcome, cause, status)


def test_success_is_what_locust_says() -> None:
    """A 404 that the user's code accepts is ok; lengths and statuses that fit no column are bent to it."""
    answer = filled(response=SimpleNamespace(status_code=404))
    assert (OUTCOMES[answer.outcome], CAUSES[answer.cause], answer.status, answer.bytes_received) == ("ok", "", 404, 5)
    answer = filled(response=SimpleNamespace(status_code=None), response_length=2**40)
    assert (answer.status, answer.bytes_received) == (0, 2**32 - 1)
    assert filled(response=None, response_length=-1).bytes_received == 0


def test_exceptions_that_hold_each_other_come_to_an_end() -> None:
    """A circle of causes is walked once."""
    one, two = RuntimeError(), RuntimeError()
    one.__cause__, two.__cause__ = two, one
    assert CAUSES[filled(exception=one).cause] == "judged"
