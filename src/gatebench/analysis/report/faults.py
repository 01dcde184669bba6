"""A fault as the page shows it: what it is, the six times of each window, and what its canaries met, stage by stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.report.reading import Reading
from gatebench.analysis.report.uses import FaultUse, Step, steps, uses
from gatebench.analysis.wording import count
from gatebench.faults import Value
from gatebench.plan import PlannedFault

_LIVE: Final = {
    "untouched": "stay untouched",
    "FIN": "are closed in the ordinary way (FIN)",
    "RST": "are reset (RST)",
    "hang": "hang: nothing comes and nothing closes",
}
LISTED_MOST: Final = 12
_STAGES: Final = (("before", "before it began"), ("during", "while it was on"), ("after", "after it ended"))


@dataclass(frozen=True)
class Moment:
    """One of the six times of a fault: seconds from the start of the load, None when it did not happen.

    `lag_ms` is its distance from what `since` says, as in "after it was requested".
    """

    what: str
    at_s: float | None
    since: str
    lag_ms: float | None
    early: bool = False


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
class WindowView:
    """One window of a fault: which one it is, what became of it, and its six times."""

    timeline: FaultTimeline
    part: str
    moments: tuple[Moment, ...]

    @property
    def trouble(self) -> str:
        """What is wrong with this window, in two words; empty when it was proven to bite and to go away."""
        fault = self.timeline
        if fault.failed or fault.acknowledged_ns is None:
            return "never on"
        if fault.bit is not True:
            return "not proven"
        return "" if fault.gone is True else "not proven gone"


@dataclass(frozen=True)
class Tally:
    """Many windows in one line: from when to when, how many were proven and went away, between which fidelities."""

    planned_ns: tuple[int | None, int | None]
    on_ns: tuple[int | None, int | None]
    bit: int
    gone: int
    fidelities: tuple[float, ...]


@dataclass(frozen=True)
class FaultView:
    """One use of a fault with all its windows, ready to be shown; `alone` when the run has no other."""

    use: FaultUse
    live: str
    windows: tuple[WindowView, ...]
    canaries: tuple[CanaryRow, ...]
    alone: bool

    @property
    def planned(self) -> PlannedFault:
        """The plan of the first window, which tells what all have in common."""
        return self.use.first.planned

    @property
    def id(self) -> str:
        """What its place on the page is called."""
        return f"fault-{self.planned.id}"

    @property
    def trouble(self) -> str:
        """What is wrong with its windows, and with how many; empty when nothing is."""
        found = Counter(window.trouble for window in self.windows if window.trouble)
        if len(self.windows) == 1:
            return next(iter(found), "")
        return ", ".join(f"{number} of {len(self.windows)} {what}" for what, number in found.items())

    @property
    def open(self) -> bool:
        """Whether its details stand open, so that a reader need not ask: when something is wrong, or there is room."""
        return self.alone or bool(self.trouble)

    @property
    def listed(self) -> tuple[WindowView, ...]:
        """The windows that have a line of their own in the overview: all, or of too many those with which something is wrong."""
        if self.tally is None:
            return self.windows
        return tuple(window for window in self.windows if window.trouble)[:LISTED_MOST]

    @property
    def tally(self) -> Tally | None:
        """All windows in one line; None when they are few enough for a line each."""
        if len(self.windows) <= LISTED_MOST:
            return None
        faults = [window.timeline for window in self.windows]
        begun = [fault.acknowledged_ns for fault in faults if fault.acknowledged_ns is not None]
        ended = [fault.cleared_ns for fault in faults if fault.cleared_ns is not None]
        known = [fault.fidelity for fault in faults if fault.fidelity is not None]
        return Tally(
            planned_ns=(min(fault.planned.start_ns for fault in faults), max(fault.planned.end_ns for fault in faults)),
            on_ns=(min(begun, default=None), max(ended, default=None)),
            bit=sum(fault.bit is True for fault in faults),
            gone=sum(fault.gone is True for fault in faults),
            fidelities=tuple(sorted({min(known), max(known)})) if known else (),
        )

    @property
    def hits(self) -> int | None:
        """How often it was met, over all windows; None when nobody counted."""
        counted = [window.timeline.hits for window in self.windows if window.timeline.hits is not None]
        return sum(counted) if counted else None

    @property
    def steps(self) -> list[tuple[str, Step]]:
        """The steps of a ramp, each with the window that it belongs to."""
        return [(window.part, step) for window in self.windows for step in steps(window.timeline)]

    @property
    def parameters(self) -> dict[str, Value]:
        """What was set; a parameter that was left open is left out, a ramp's are those that were proven."""
        return {name: value for name, value in self.planned.parameters.items() if value != ""}


def fault_views(reading: Reading) -> list[FaultView]:
    """Return the faults of the run: those of the plan in its order, then those by hand, windows of one use together."""
    found = uses(reading.tables.faults) if reading.tables else []
    return [
        FaultView(
            use,
            _LIVE[use.first.planned.definition.live_connections],
            tuple(WindowView(fault, use.part(fault), _moments(fault)) for fault in use.windows),
            _canaries(use),
            len(found) == 1,
        )
        for use in found
    ]


def in_words(views: Sequence[FaultView]) -> str:
    """Return how many faults there were, in how many windows, and how many of them somebody put on by hand."""
    by_hand = [view for view in views if view.planned.manual]
    windows = sum(len(view.windows) for view in views)
    parts = [count(len(views), "fault")]
    if windows > len(views):
        parts.append(f"{windows} windows")
    if by_hand:
        parts.append(f"{len(by_hand) if len(by_hand) < len(views) else 'all'} by hand")
    doubtful = sum(bool(window.trouble) for view in views for window in view.windows)
    parts.append(f"{count(doubtful, 'window')} not proven" if doubtful else "all proven")
    return ", ".join(parts)


def _moments(fault: FaultTimeline) -> tuple[Moment, ...]:
    times = (
        ("requested", fault.requested_ns, "the planned beginning", fault.planned.start_ns),
        ("acknowledged (t₀)", fault.acknowledged_ns, "it was requested", fault.requested_ns),
        ("proven by canaries", fault.proven_ns, "it was acknowledged", fault.acknowledged_ns),
        ("clearing requested", fault.clear_requested_ns, "the planned end", fault.planned.end_ns),
        ("cleared (t₁)", fault.cleared_ns, "clearing was requested", fault.clear_requested_ns),
        ("proven clear", fault.proven_clear_ns, "it was cleared", fault.cleared_ns),
    )
    return tuple(_moment(*time) for time in times)


def _moment(what: str, at_ns: int | None, since: str, before_ns: int | None) -> Moment:
    at_s = None if at_ns is None else at_ns / 1e9
    if at_ns is None or before_ns is None:
        return Moment(what, at_s, since, None)
    lag_ms = (at_ns - before_ns) / 1e6
    return Moment(what, at_s, f"{'before' if lag_ms < 0 else 'after'} {since}", abs(lag_ms), lag_ms < 0)


def _canaries(use: FaultUse) -> tuple[CanaryRow, ...]:
    rows = []
    for stage, words in _STAGES:
        for pooled in (False, True):
            sent = [canary for fault in use.windows for canary in fault.stage(stage) if canary.pooled == pooled]
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
