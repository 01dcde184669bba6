"""What a request event of Locust's says, as the columns of a row. Pure: no Locust, no sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from gatebench.execution.load.answer import (
    CONNECT_TIMEOUT,
    EOF,
    JUDGED,
    MALFORMED,
    NO_CAUSE,
    NOT_ALLOWED,
    READ_TIMEOUT,
    REFUSED,
    RESET,
    STATUS,
    TLS,
    UNREACHABLE,
    Answer,
)
from gatebench.guard import RemoteRefused
from gatebench.sample import ERROR, OK, REJECTED, TIMEOUT

# By name: importing their libraries here would cost more than the comparison, and some come from either of two.
_CAUSES: Final = (
    (("RemoteRefused",), NOT_ALLOWED),
    (("ConnectTimeout", "ConnectTimeoutError"), CONNECT_TIMEOUT),
    (("ReadTimeout", "ReadTimeoutError", "TimeoutError", "timeout", "Timeout"), READ_TIMEOUT),
    (("SSLError", "SSLCertVerificationError"), TLS),
    (("ConnectionRefusedError",), REFUSED),
    (("RemoteDisconnected", "HTTPConnectionClosed", "IncompleteRead", "IncompleteReadError"), EOF),
    (("ConnectionResetError", "BrokenPipeError", "ConnectionAbortedError"), RESET),
    (("HTTPParseError", "BadStatusLine", "HTTPProtocolViolationError", "InvalidHeader"), MALFORMED),
    (("gaierror", "NameResolutionError", "NewConnectionError", "OSError"), UNREACHABLE),
)
_TIMEOUTS: Final = (CONNECT_TIMEOUT, READ_TIMEOUT)
_LARGEST: Final = 0xFFFF_FFFF
_MS: Final = 1_000_000


def fill(answer: Answer, event: dict[str, Any], now_ns: int, wall_ns: int) -> None:
    """Write an event into `answer`; `now_ns` and `wall_ns` are the monotonic and the calendar clock of this moment.

    Locust tells the start by the calendar and the length in milliseconds. Where both do not fit between the past and
    now (the calendar was set meanwhile, or a client of the user's own tells no start), the request ended now.
    """
    length_ns = max(0, round(float(event.get("response_time") or 0.0) * _MS))
    started = event.get("start_time")
    sent_ns = now_ns - length_ns
    if isinstance(started, int | float):
        told_ns = now_ns - (wall_ns - round(started * 1e9))
        if 0 < told_ns <= sent_ns + _MS:
            sent_ns = told_ns
    answer.sent_ns = sent_ns
    answer.done_ns = sent_ns + length_ns
    answer.status = _status(event.get("response"))
    answer.bytes_received = min(max(0, int(event.get("response_length") or 0)), _LARGEST)
    exception = event.get("exception")
    if not exception:
        answer.outcome, answer.cause = OK, NO_CAUSE
        return
    answer.cause = _cause(exception, answer.status)
    if answer.cause == STATUS and answer.status == 429:
        answer.outcome = REJECTED
    else:
        answer.outcome = TIMEOUT if answer.cause in _TIMEOUTS else ERROR


def clocks() -> tuple[int, int]:
    """Return the monotonic and the calendar clock, nanoseconds."""
    return time.monotonic_ns(), time.time_ns()


def _status(response: Any) -> int:
    status = getattr(response, "status_code", 0)
    return status if isinstance(status, int) and 0 <= status <= 0xFFFF else 0


def _cause(exception: Any, status: int) -> int:
    """Return why Locust calls a request failed: by its status, by what went wrong underneath, or by the user's own word."""
    if not isinstance(exception, BaseException):
        return JUDGED
    if status >= 400 and type(exception).__name__ in {"HTTPError", "BadStatusCode", "CatchResponseError"}:
        return STATUS
    found = list(_chain(exception))
    if any(isinstance(error, RemoteRefused) for error in found):
        return NOT_ALLOWED
    names = {kind.__name__ for error in found for kind in type(error).__mro__}
    return next((cause for known, cause in _CAUSES if names & set(known)), JUDGED)


def _chain(exception: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was made of: its arguments, reason, cause and context, each once."""
    seen: set[int] = set()
    waiting: list[Any] = [exception]
    while waiting:
        error = waiting.pop()
        if not isinstance(error, BaseException) or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        waiting += [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
