"""What became of requests that may come again. Pure: it keeps answers and times, never waits, and knows no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ..answer import Whole


@dataclass(slots=True, eq=False)
class Record:
    """One execution: of what (`print`), since when, and its answer as soon as there is one.

    `settled` is done when the execution has ended, with an answer or without.
    """

    print: bytes
    begun_s: float
    settled: asyncio.Future[None]
    answer: Whole | None = None


class Records:
    """Executions by their key, each kept for `ttl_s` from its beginning; one that is under way is kept until it ends."""

    def __init__(self, ttl_s: float, clock: Callable[[], float]) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._records: dict[str, Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def find(self, key: str) -> Record | None:
        """Return the execution under `key`, under way or ended, unless its time is over."""
        record = self._records.get(key)
        if record is None or not self._is_over(record):
            return record
        del self._records[key]
        return None

    def begin(self, key: str, print_: bytes) -> Record:
        """Note that an execution begins; nobody else's is under `key`. Needs a running event loop."""
        self._sweep()
        record = Record(print_, self._clock(), asyncio.get_running_loop().create_future())
        self._records[key] = record
        return record

    def settle(self, key: str, record: Record, answer: Whole | None) -> None:
        """End an execution, with the answer that others get, or None to let the next one execute; once for each."""
        if record.settled.done():
            return
        record.answer = answer
        if answer is None and self._records.get(key) is record:
            del self._records[key]
        record.settled.set_result(None)

    def _is_over(self, record: Record) -> bool:
        return record.settled.done() and self._clock() - record.begun_s >= self._ttl_s

    def _sweep(self) -> None:
        """Forget what is over. Records stand in the order in which they began, so the old ones come first."""
        while self._records and self._is_over(self._records[key := next(iter(self._records))]):
            del self._records[key]
