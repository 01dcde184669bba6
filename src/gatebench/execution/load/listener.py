"""Turns what Locust says of a request into a row: what its own client measured, at the level of evidence it has."""

from __future__ import annotations

import time
from typing import Any, Final

from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.meter import nearest_rank_ms
from gatebench.run.stream import StreamWriter
from gatebench.run.words import LearntWords
from gatebench.sample import CAUSE, ERROR, NEVER, NO_WORD, OK, REJECTED, SAMPLE, TIMEOUT
from gatebench.stamp import KINDS

_LOAD: Final = KINDS.index("load")
_KEPT: Final = 512
_NS_PER_MS: Final = 1e6
_MARKS: Final = (
    ("catchresponseerror", "judged"),
    ("timeout", "read_timeout"),
    ("timed out", "read_timeout"),
    ("refused", "refused"),
    ("reset", "reset"),
    ("certificate", "tls"),
    ("ssl", "tls"),
    ("closed", "eof"),
)
"""What the words of an exception of either client say about its cause; the first that fits."""


class Listener:
    """Writes rows. `rows` counts them; a request's route is its name, learnt when it first comes."""

    def __init__(self, config: WorkerConfig) -> None:
        plan = config.plan
        if config.stream_path is None:
            raise ValueError("there is nowhere to write")
        facts = {"worker": config.worker, "workers": plan.load.workers}
        self._stream = StreamWriter(SAMPLE, config.stream_path, plan.vocabularies(), facts)
        self._words = LearntWords.beside(config.stream_path, "route", NO_WORD["u1"])
        self._worker, self._workers = config.worker, plan.load.workers
        self._ends_ns = [phase.end_ns for phase in plan.phases]
        self.rows = self._ok = 0
        self._times_ns: list[int] = []

    def heard(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int | None,
        exception: BaseException | None = None,
        response: Any = None,
        **_: Any,
    ) -> None:
        """Write the row of one request, which has just ended."""
        done_ns = time.monotonic_ns()
        sent_ns = done_ns - round((response_time or 0.0) * _NS_PER_MS)
        status = int(getattr(response, "status_code", 0) or 0)
        outcome, cause = judged(exception, status)
        route = self._words.code(f"{request_type} {name}")
        arrival_id = self.rows * self._workers + self._worker
        self.rows += 1
        self._ok += outcome == OK
        self._times_ns.append(done_ns - sent_ns)
        self._stream.append(
            arrival_id, 0, _LOAD, 0, 0, route, 0, sent_ns, sent_ns, NEVER, NEVER, done_ns, outcome, CAUSE[cause], status,
            0, min(int(response_length or 0), 0xFFFFFFFF), 0, 0, 0, 0, 0, NO_WORD["u1"], 0, NEVER, 0,
        )  # fmt: skip

    def progress(self) -> dict[str, Any]:
        """Return what the parent shows while it runs."""
        times = sorted(self._times_ns[-_KEPT:])
        self._times_ns.clear()
        return {
            "worker": self._worker,
            "sent": self.rows,
            "done": self.rows,
            "in_flight": 0,
            "ok": self._ok,
            "bad": self.rows - self._ok,
            "p50_ms": nearest_rank_ms(times, 0.5),
            "p99_ms": nearest_rank_ms(times, 0.99),
            "late_p99_ms": None,
        }

    def flush(self) -> None:
        """Make the rows so far survive a SIGKILL of this process."""
        self._stream.flush()

    def close(self) -> None:
        """End the stream properly."""
        self._stream.close()


def judged(exception: BaseException | None, status: int) -> tuple[int, str]:
    """Return the outcome and the cause of a request by what Locust says of it."""
    if exception is None:
        return OK, ""
    if status >= 400:
        return (REJECTED if status == 429 else ERROR), "status"
    text = f"{type(exception).__name__} {exception}".lower()
    cause = next((cause for mark, cause in _MARKS if mark in text), "judged" if status >= 200 else "unreachable")
    return (TIMEOUT if cause == "read_timeout" else ERROR), cause
