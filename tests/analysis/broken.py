"""Runs of gateways whose breaker is known, right or wrong in one way: plays of the model, as tables."""

from __future__ import annotations

from functools import cache
from typing import Any

from gatebench.analysis.tables import RunTables
from tests.analysis.crafted import Asked, Tried, craft
from tests.oracles.breaker_model import Breaks, S, play

DECLARED: dict[str, dict[str, Any]] = {
    "breaker": {"mode": "count", "failures": 5, "window": "2s", "open_time": "2s", "probes": 1}
}


@cache
def tables_of(fallback: bool = False, declared: bool = True, visible: bool = True, **knobs: Any) -> RunTables:
    """Return the run of a play: a request that is not let through is refused within 2 ms, or served by provider-b."""
    played = play(Breaks(**knobs))
    there = {request: (arrived_ns, ended_ns, good) for request, arrived_ns, ended_ns, good in played.made}
    asked = []
    for request, sent_ns in enumerate(played.asked_ns):
        due_s = sent_ns / S
        tried, took_ms, status = [], 2.0, 503
        if request in there:
            arrived_ns, ended_ns, good = there[request]
            took_ms = (ended_ns - sent_ns) / 1e6 + 0.5
            status = 200 if good else 503
            tried.append(Tried("provider-a", arrived_ns / S, (ended_ns - arrived_ns) / 1e6, 200 if good else 503))
        if fallback and status != 200:
            tried.append(Tried("provider-b", due_s + took_ms / 1e3))
            took_ms, status = took_ms + 41, 200
        asked.append(Asked(due_s, took_ms, status, tried=tried))
    return craft(asked, declared=DECLARED if declared else {}, attempts_visible=visible)
