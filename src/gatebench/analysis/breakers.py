"""A provider as its breaker leaves it: what arrived, what was asked, and the story that the oracle reads from both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import among, is_any, is_ascending, moments, values_of
from gatebench.analysis.declared import declared_ns
from gatebench.analysis.windows import Outage
from gatebench.oracles.breaker import Arrivals, Burst, Opening, Story, Times, read, silent_requests
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

LEAST_BASELINE: Final = 50
LEAST_SHARE: Final = 0.05
REFUSALS: Final = (408, 429)
"""Statuses below 500 that a breaker may count as failures: the provider says "not now"."""

HIDDEN: Final = (
    "under this fault attempts fail before a provider sees them, so that none arrives says nothing of a breaker"
)
UNFINISHED_NS: Final = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class Watched:
    """The faulted provider of one outage; nanoseconds from the start of the load."""

    arrivals: Arrivals
    asked_ns: Times
    share: float
    t0_ns: int
    t1_ns: int
    until_ns: int
    open_ns: int | None
    story: Story

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return self.arrivals.nbytes + self.asked_ns.nbytes

    @property
    def opening(self) -> Opening | None:
        """The first change to open while the fault was on."""
        return next((opening for opening in self.story.openings if opening.at_ns < self.t1_ns), None)

    @property
    def bursts(self) -> list[Burst]:
        """The half-open bursts while the fault was on."""
        return [burst for burst in self.story.bursts if burst.start_ns < self.t1_ns]

    def asked_between(self, start_ns: int, end_ns: int) -> int:
        """Return how many requests were sent in [start, end)."""
        start, end = np.searchsorted(self.asked_ns, (start_ns, end_ns))
        return int(end - start)

    def arrived_between(self, start_ns: int, end_ns: int) -> slice:
        """Return which arrivals came in [start, end)."""
        start, end = np.searchsorted(self.arrivals.arrived_ns, (start_ns, end_ns))
        return slice(int(start), int(end))


def asked_ns(tables: RunTables) -> Times:
    """Return when requests were sent to the target, sorted, warm-up included."""

    def find() -> Times:
        return moments(values_of(tables.at_target, "sent_ns")) - tables.start_ns

    return tables.kept("asked_ns", find)


def missed_ns(tables: RunTables, provider: str) -> Times | None:
    """Return when the requests were sent that never arrived at a provider, sorted; None where ids do not tell."""
    attempts = tables.attempts_for_target
    if attempts is None or not tables.ids_arrive:
        return None
    own = is_any(values_of(attempts, "provider"), (provider,)) & ~is_any(values_of(attempts, "kind"), ("canary",))
    rows = tables.at_target[~among(tables.at_target, values_of(attempts, "sample")[own])]
    return moments(values_of(rows, "sent_ns")) - tables.start_ns


def arrivals_at(tables: RunTables, provider: str) -> Arrivals:
    """Return the attempts at a provider, canaries left out."""
    return tables.kept(("arrivals_at", provider), lambda: _arrivals_at(tables, provider))


def _arrivals_at(tables: RunTables, provider: str) -> Arrivals:
    attempts = tables.attempts_for_target
    assert attempts is not None  # noqa: S101 - callers ask for the ledger first
    own = is_any(values_of(attempts, "provider"), (provider,)) & ~is_any(values_of(attempts, "kind"), ("canary",))
    rows = attempts[own]
    if not is_ascending(values_of(rows, "arrived_ns")):
        rows = rows.sort_values("arrived_ns")
    ended_ns = values_of(rows, "ended_ns") - tables.start_ns
    known = (values_of(rows, "ended_ns") != NEVER) & ~is_any(values_of(rows, "end"), ("in_flight",))
    ended_ns[~known] = UNFINISHED_NS
    return Arrivals(values_of(rows, "arrived_ns") - tables.start_ns, ended_ns, good(rows))


def good(attempts: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell which attempts were answered as they should be: completed, and with a status that is no failure."""
    status = values_of(attempts, "status")
    answered = is_any(values_of(attempts, "end"), ("completed",))
    return np.asarray(answered & (status < 500) & (status != REFUSALS[0]) & (status != REFUSALS[1]))


def _as_gateway_knows(tables: RunTables, arrivals: Arrivals) -> Arrivals:
    """Return the attempts as they ended for a gateway that declares how long it waits: one that it did not call off may go on
    at the provider, and be completed there, after it was given up.
    """
    limit_ns = declared_ns(tables, "timeouts", "attempt")
    if limit_ns is None:
        return arrivals
    given_up_ns = arrivals.arrived_ns + limit_ns
    late = arrivals.ended_ns > given_up_ns
    return Arrivals(arrivals.arrived_ns, np.where(late, given_up_ns, arrivals.ended_ns), arrivals.good & ~late)


def share_of_requests(tables: RunTables, provider: str) -> float | None:
    """Return arrivals at the provider ÷ requests sent in the baseline, at most 1; None below 50 requests."""
    arrived, asked = arrivals_at(tables, provider).arrived_ns, asked_ns(tables)
    requests = attempts = 0
    for window in tables.windows:
        if window.role == "baseline":
            edges = (window.start_ns, window.end_ns)
            requests += int(np.diff(np.searchsorted(asked, edges))[0])
            attempts += int(np.diff(np.searchsorted(arrived, edges))[0])
    return min(1.0, attempts / requests) if requests >= LEAST_BASELINE else None


def _unseen(tables: RunTables, outage: Outage) -> str:
    """Return why nothing can be read, or an empty text."""
    if outage.provider is None:
        return "the fault does not sit on one provider"
    if not tables.has_ledger:
        return "the providers' ledger is not there in full"
    return "" if outage.attempts_visible else HIDDEN


def watched(tables: RunTables, outage: Outage) -> Watched | str:
    """Return the faulted provider and its breaker's story, or in words why it cannot be read."""
    return tables.kept(("watched", outage), lambda: _watched(tables, outage))


def _watched(tables: RunTables, outage: Outage) -> Watched | str:
    reason = _unseen(tables, outage)
    if reason or outage.provider is None:
        return reason
    share = share_of_requests(tables, outage.provider)
    if share is None:
        return f"fewer than {LEAST_BASELINE} requests were sent in the baseline, which tells the provider's share"
    if share < LEAST_SHARE:
        return f"{outage.provider} got {share:.1%} of the baseline's requests; it takes at least {LEAST_SHARE:.0%}"
    asked, arrivals = asked_ns(tables), _as_gateway_knows(tables, arrivals_at(tables, outage.provider))
    open_ns = declared_ns(tables, "breaker", "open_time")
    length_ns = outage.t1_ns - outage.t0_ns
    requests = int(np.diff(np.searchsorted(asked, (outage.t0_ns, outage.t1_ns)))[0])
    fitting = requests * (open_ns or length_ns) / max(1, length_ns)
    least = silent_requests(share)
    if fitting < 2 * least:
        return (
            f"about {fitting:.0f} requests are sent while the breaker is open; to be seen it takes {2 * least}. Raise the "
            "rate or the open time"
        )
    missed = missed_ns(tables, outage.provider)
    story = read(arrivals, asked, share, outage.t0_ns, outage.until_ns, open_ns=open_ns, missed_ns=missed)
    return Watched(arrivals, asked, share, outage.t0_ns, outage.t1_ns, outage.until_ns, open_ns, story)
