"""A fault as the page shows it: what it is, its six times, and what its canaries met, stage by stage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.report.reading import Reading

_LIVE: Final = {
    "untouched": "stay untouched",
    "FIN": "are closed in the ordinary way (FIN)",
    "RST": "are reset (RST)",
    "hang": "hang: nothing comes and nothing closes",
}
_STAGES: Final = (("before", "before it began"), ("during", "while it was on"), ("after", "after it ended"))


@dataclass(frozen=True)
class Moment:
    """One of the six times of a fault: planned and real, seconds from the start of the load, None when it did not happen."""

    what: str
    at_s: float | None
    since: str
    lag_ms: float | None


@dataclass(frozen=True)
class CanaryRow:
    """The canaries of one stage over one kind of connection."""

    stage: str
    connection: str
    sent: int
    expected: str
    met: str
    as_expected: int
    median_ms: float


@dataclass(frozen=True)
class FaultView:
    """One fault, ready to be shown."""

    timeline: FaultTimeline
    live: str
    moments: tuple[Moment, ...]
    canaries: tuple[CanaryRow, ...]


def fault_views(reading: Reading) -> list[FaultView]:
    """Return the faults of the run in the order of the plan."""
    if reading.tables is None:
        return []
    return [
        FaultView(fault, _LIVE[fault.planned.definition.live_connections], _moments(fault), _canaries(fault))
        for fault in reading.tables.faults
    ]


def _moments(fault: FaultTimeline) -> tuple[Moment, ...]:
    times = (
        ("requested", fault.requested_ns, "after the planned beginning", fault.planned.start_ns),
        ("acknowledged (t₀)", fault.acknowledged_ns, "after it was requested", fault.requested_ns),
        ("proven by canaries", fault.proven_ns, "after it was acknowledged", fault.acknowledged_ns),
        ("clearing requested", fault.clear_requested_ns, "after the planned end", fault.planned.end_ns),
        ("cleared (t₁)", fault.cleared_ns, "after clearing was requested", fault.clear_requested_ns),
        ("proven clear", fault.proven_clear_ns, "after it was cleared", fault.cleared_ns),
    )
    return tuple(
        Moment(
            what,
            None if at_ns is None else at_ns / 1e9,
            since,
            None if at_ns is None or before_ns is None else (at_ns - before_ns) / 1e6,
        )
        for what, at_ns, since, before_ns in times
    )


def _canaries(fault: FaultTimeline) -> tuple[CanaryRow, ...]:
    rows = []
    for stage, words in _STAGES:
        for pooled in (False, True):
            sent = [canary for canary in fault.stage(stage) if canary.pooled == pooled]
            if not sent:
                continue
            met = Counter(canary.met for canary in sent)
            took_ms = sorted(canary.took_ns / 1e6 for canary in sent)
            rows.append(
                CanaryRow(
                    stage=words,
                    connection="kept from before" if pooled else "fresh",
                    sent=len(sent),
                    expected=", ".join(sorted({canary.expected for canary in sent})),
                    met=", ".join(f"{number} × {what}" for what, number in met.most_common()),
                    as_expected=sum(canary.ok for canary in sent),
                    median_ms=took_ms[(len(took_ms) - 1) // 2],
                )
            )
    return tuple(rows)
