"""Reads a circuit breaker from outside: when it opened, probed and closed, from the arrivals at its provider alone.

Requests that are sent while none of them arrives show that the breaker is open. What arrives after such a silence is a
half-open burst; what the provider made of it and what follows tells whether the breaker closed. Times are nanoseconds
on one clock, sorted; no header and no word of the gateway is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

LEAST_SILENT: Final = 10
"""So many requests at least must have been sent without one of them arriving, before it is a silence."""

FALSE_SILENCE: Final = 1e-6
"""The chance that a provider that gets its share of requests at random gets none of a silence's."""

EARLY: Final = 0.8
"""An arrival sooner than this share of the declared open time after the opening is no half-open probe but a leak."""

TURN_NS: Final = 20_000_000
"""What a gateway may take to learn of a verdict and act on it; arrivals within it belong to the burst before."""

LEAST_CLOSED: Final = 4
DENSE: Final = 0.5

Times = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Arrivals:
    """The attempts at one provider in order of arrival; `good` is whether the provider answered as it should.

    `ended_ns` is when the answer was whole, or the attempt ended otherwise; one without an end has the largest number.
    """

    arrived_ns: Times
    ended_ns: Times
    good: Flags

    def __post_init__(self) -> None:
        assert len(self.arrived_ns) == len(self.ended_ns) == len(self.good)  # noqa: S101 - a defect of the caller
        assert bool((self.arrived_ns[1:] >= self.arrived_ns[:-1]).all())  # noqa: S101 - a defect of the caller

    @property
    def nbytes(self) -> int:
        """The bytes of the arrays."""
        return self.arrived_ns.nbytes + self.ended_ns.nbytes + self.good.nbytes


@dataclass(frozen=True)
class Silence:
    """A stretch in which no request arrived: the last arrival before it, the first request that did not arrive, and the
    next arrival; an end that was not observed is None.
    """

    last_ns: int | None
    first_ns: int
    next_ns: int | None
    requests: int


@dataclass(frozen=True)
class Burst:
    """A half-open burst: `probes` arrived before the first verdict on one of them, `open_ns` after the breaker opened."""

    start_ns: int
    probes: int
    open_ns: int
    verdict_ns: int | None
    good: bool
    closed: bool


@dataclass(frozen=True)
class Opening:
    """A change from closed to open: the first request that was refused, and the last arrival before it."""

    at_ns: int
    last_ns: int | None


@dataclass
class Story:
    """What a breaker did: every change from closed to open, every half-open burst, what leaked through, every closing."""

    openings: list[Opening] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    leaks: list[int] = field(default_factory=list)
    closings: list[int] = field(default_factory=list)


def silent_requests(share: float) -> int:
    """Return how many requests in a row must not arrive, so that chance explains it less than once in a million.

    (1 - share)^n ≤ 10^-6, and n at least 10: `share` is the provider's share of requests while its breaker is closed.
    """
    if share >= 1:
        return LEAST_SILENT
    return max(LEAST_SILENT, math.ceil(math.log(FALSE_SILENCE) / math.log1p(-share)))


def silences(
    arrived_ns: Times, asked_ns: Times, share: float, start_ns: int, end_ns: int, *, missed_ns: Times | None = None
) -> list[Silence]:
    """Return the stretches within [start, end) in which enough requests were sent and none arrived, in order.

    The request that ends a silence was sent before it arrives, so of those sent between two arrivals one is not silent.
    `missed_ns` are the requests that never arrived, where that is known: there must be as many of them too, for a gateway
    that stands still for a moment is silent as well, and everything arrives when it goes on.
    """
    least = silent_requests(share)
    inside = arrived_ns[(arrived_ns >= start_ns) & (arrived_ns < end_ns)]
    edges = np.concatenate(([start_ns], inside, [end_ns]))
    places = np.searchsorted(asked_ns, edges)
    sent = np.diff(places) - np.append(np.ones(len(inside), dtype=np.int64), 0)
    if missed_ns is not None:
        sent = np.minimum(sent, np.diff(np.searchsorted(missed_ns, edges)))
    before = arrived_ns[arrived_ns < start_ns]
    found = []
    for number in np.flatnonzero(sent >= least).tolist():
        last_ns = int(inside[number - 1]) if number else (int(before[-1]) if len(before) else None)
        next_ns = int(inside[number]) if number < len(inside) else None
        found.append(Silence(last_ns, int(asked_ns[places[number]]), next_ns, int(sent[number])))
    return found


def read(
    arrivals: Arrivals,
    asked_ns: Times,
    share: float,
    start_ns: int,
    end_ns: int,
    *,
    open_ns: int | None = None,
    missed_ns: Times | None = None,
) -> Story:
    """Return what the breaker did in [start, end); it is taken to be closed at the start.

    `share` is what share of the requests arrives while it is closed; `missed_ns` see `silences`. With the declared `open_ns`
    an arrival that comes too early for a probe is a leak; without it every arrival after a silence is taken for a probe.
    """
    found = silences(arrivals.arrived_ns, asked_ns, share, start_ns, end_ns, missed_ns=missed_ns)
    return _Reading(arrivals, asked_ns, share, found).walk(end_ns, open_ns)


class _Reading:
    """Walks over the silences of one provider and what arrived between them."""

    def __init__(self, arrivals: Arrivals, asked_ns: Times, share: float, found: list[Silence]) -> None:
        self.arrivals, self.asked_ns, self.share, self.silences = arrivals, asked_ns, share, found
        self.story = Story()

    def walk(self, end_ns: int, open_ns: int | None) -> Story:
        """Tell the story: each silence is an opening, or goes on after a burst that did not close the breaker."""
        since_ns: int | None = None
        for number, silence in enumerate(self.silences):
            if since_ns is None:
                since_ns = silence.first_ns
                self.story.openings.append(Opening(silence.first_ns, silence.last_ns))
            if silence.next_ns is None:
                break
            following = self.silences[number + 1] if number + 1 < len(self.silences) else None
            stop_ns = end_ns - 1 if following is None else (following.last_ns or end_ns - 1)
            since_ns = self._between(since_ns, silence.next_ns, stop_ns, open_ns)
        return self.story

    def _between(self, since_ns: int, first_ns: int, stop_ns: int, open_ns: int | None) -> int | None:
        """Read the arrivals in [first, stop], open since `since_ns`; return since when it is open, None when it closed."""
        times = self.arrivals.arrived_ns
        place, stop = (
            int(np.searchsorted(times, first_ns)),
            int(np.searchsorted(times, stop_ns, side="right")),
        )
        while place < stop:
            at_ns = int(times[place])
            if open_ns is not None and at_ns - since_ns < EARLY * open_ns:
                if self._dense(place, stop, at_ns, stop_ns):
                    self.story.closings.append(at_ns)
                    return None
                self.story.leaks.append(at_ns)
                place += 1
                continue
            last, verdict_ns, good = self._burst(place, stop)
            after = max(place + 1, int(np.searchsorted(times, verdict_ns, side="right")))
            closed = last + 1 < stop and self._dense(after, stop, verdict_ns, stop_ns)
            known = verdict_ns < np.iinfo(np.int64).max
            self.story.bursts.append(
                Burst(at_ns, last + 1 - place, at_ns - since_ns, verdict_ns if known else None, good, closed)
            )
            if closed:
                self.story.closings.append(int(times[last + 1]))
                return None
            since_ns, place = (verdict_ns if known else at_ns), last + 1
        return since_ns

    def _burst(self, first: int, stop: int) -> tuple[int, int, bool]:
        """Return the last arrival before the first verdict on one of the burst's arrivals, that verdict, and if it was good."""
        ended_ns = self.arrivals.ended_ns
        last = judge = first
        while last + 1 < stop and self.arrivals.arrived_ns[last + 1] <= ended_ns[judge] + TURN_NS:
            # An arrival within the turn of a good verdict may be the closed breaker's first.
            if self.arrivals.good[judge] and self.arrivals.arrived_ns[last + 1] > ended_ns[judge]:
                break
            last += 1
            if ended_ns[last] < ended_ns[judge]:
                judge = last
        return last, int(ended_ns[judge]), bool(self.arrivals.good[judge])

    def _dense(self, first: int, stop: int, since_ns: int, until_ns: int) -> bool:
        """Tell whether so many requests arrived that the breaker must have been closed: four, and half of what it gets."""
        arrived = stop - first
        asked = int(np.searchsorted(self.asked_ns, until_ns, side="right") - np.searchsorted(self.asked_ns, since_ns))
        return arrived >= LEAST_CLOSED and arrived >= DENSE * self.share * asked
