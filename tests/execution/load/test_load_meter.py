"""The progress of a worker, and of all of them together."""

from __future__ import annotations

import pytest

from gatebench.execution.load.flight import Flight
from gatebench.execution.load.meter import Meter, nearest_rank_ms
from gatebench.execution.load.state import LoadState, merged
from gatebench.sample import ERROR, OK, UNSENT
from gatebench.traffic import Request

MS = 1_000_000
NOTHING = Request("GET", "/", b"", 0, 0, False, 0)


def fly(meter: Meter, response_ms: int, delay_ms: int = 0, outcome: int = OK) -> None:
    """Have a flight end after `response_ms`."""
    flight = Flight(0, 0, 0, due_ns=1000, request=NOTHING, wire=b"")
    flight.answer.outcome = outcome
    flight.answer.done_ns = 1000 + response_ms * MS
    if outcome != UNSENT:
        meter.sent += 1
        flight.answer.sent_ns = 1000 + delay_ms * MS
    meter.count(flight)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, 5.0), (0.99, 10.0), (0.9, 9.0), (0.0, 1.0), (1.0, 10.0)],  # ceil(share × 10)th of 1…10 ms
)
def test_nearest_rank(share: float, expected: float) -> None:
    """The percentile of n values is the ceil(share × n)th."""
    assert nearest_rank_ms([value * MS for value in range(1, 11)], share) == expected


def test_nothing_has_no_percentile() -> None:
    """Without a value there is none to name."""
    assert nearest_rank_ms([], 0.5) is None


def test_counts_go_on_and_percentiles_are_of_the_last_interval() -> None:
    """Counts are since the start; the second call's percentiles know nothing of the first interval."""
    meter = Meter(2)
    for response_ms in range(1, 101):
        fly(meter, response_ms, delay_ms=1)
    fly(meter, 0, outcome=ERROR)
    fly(meter, 0, outcome=UNSENT)
    meter.sent += 3
    first = meter.progress()
    assert first == {
        "worker": 2,
        "sent": 104,
        "done": 101,
        "in_flight": 3,
        "ok": 100,
        "bad": 2,
        "p50_ms": 50.0,
        "p95_ms": 95.0,
        "p99_ms": 99.0,
        "late_p95_ms": 1.0,
        "late_p99_ms": 1.0,
    }
    fly(meter, 7)
    second = meter.progress()
    assert (second["sent"], second["p50_ms"], second["late_p99_ms"]) == (105, 7.0, 0.0)
    assert meter.progress()["p50_ms"] is None


def test_memory_is_bounded() -> None:
    """However many requests end in an interval, the last 512 speak for it."""
    meter = Meter(0)
    for _ in range(5000):
        fly(meter, 1)
    for _ in range(512):
        fly(meter, 3)
    assert meter.progress()["p50_ms"] == 3.0


def test_workers_are_merged_by_their_sums_and_their_worst() -> None:
    """Counts add up; a percentile is the worst worker's; a worker that has not spoken yet adds nothing."""
    one = {"sent": 10, "done": 8, "in_flight": 2, "ok": 7, "bad": 1, "p50_ms": 1.0, "p99_ms": 9.0, "late_p99_ms": None}
    two = {"sent": 5, "done": 5, "in_flight": 0, "ok": 5, "bad": 0, "p50_ms": 2.0, "p99_ms": None, "late_p99_ms": None}
    state = merged([one, two, {}], [4.0, 3.0, None], finished=False, lost=())
    assert state == LoadState(
        sent=15, done=13, in_flight=2, ok=12, bad=1, rate_per_s=7.0, p50_ms=2.0, p99_ms=9.0, late_p99_ms=None
    )
    assert merged([], [], finished=False, lost=()) == LoadState()
