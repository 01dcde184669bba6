"""What a worker tells the parent while it runs: counts so far, and percentiles of the last moment. For the eyes, never for a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from gatebench.execution.load.flight import Flight
from gatebench.sample import NEVER, OK

_KEPT: Final = 512
_NS_PER_MS: Final = 1e6


def nearest_rank_ms(times_ns: Sequence[int], share: float) -> float | None:
    """Return the nearest-rank percentile of `times_ns` (sorted) in milliseconds, to the microsecond; None of nothing."""
    if not times_ns:
        return None
    return round(times_ns[max(0, math.ceil(share * len(times_ns)) - 1)] / _NS_PER_MS, 3)


class Meter:
    """Counts flights and keeps the times of at most the last 512 of them since `progress` was asked."""

    def __init__(self, worker: int) -> None:
        self._worker = worker
        self.sent = 0
        self.done = 0
        self.ok = 0
        self.bad = 0
        self._seen = 0
        self._responses_ns = [0] * _KEPT
        self._delays_ns = [0] * _KEPT

    def count(self, flight: Flight) -> None:
        """Count a flight that ended: answered, failed or unsent."""
        answer = flight.answer
        if answer.outcome == OK:
            self.ok += 1
        else:
            self.bad += 1
        if answer.sent_ns == NEVER:
            return
        self.done += 1
        place = self._seen % _KEPT
        self._responses_ns[place] = answer.done_ns - flight.due_ns
        self._delays_ns[place] = answer.sent_ns - flight.due_ns
        self._seen += 1

    def progress(self) -> dict[str, int | float | None]:
        """Return the counts since the start of the run, and the percentiles since the last call."""
        kept = min(self._seen, _KEPT)
        responses_ns = sorted(self._responses_ns[:kept])
        delays_ns = sorted(self._delays_ns[:kept])
        self._seen = 0
        return {
            "worker": self._worker,
            "sent": self.sent,
            "done": self.done,
            "in_flight": self.sent - self.done,
            "ok": self.ok,
            "bad": self.bad,
            "p50_ms": nearest_rank_ms(responses_ns, 0.5),
            "p95_ms": nearest_rank_ms(responses_ns, 0.95),
            "p99_ms": nearest_rank_ms(responses_ns, 0.99),
            "late_p95_ms": nearest_rank_ms(delays_ns, 0.95),
            "late_p99_ms": nearest_rank_ms(delays_ns, 0.99),
        }
