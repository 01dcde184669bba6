"""A breaker in front of one provider, played on a fake clock: what arrives, and what a client sees; flaws are knobs."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from gatebench.oracles.breaker import Arrivals

MS = 1_000_000
S = 1_000 * MS


@dataclass(frozen=True)
class Breaks:
    """The breaker, the fault and the flaws; seconds from the start unless the name says otherwise."""

    rate_per_s: float = 100
    length_s: float = 30
    t0_s: float = 8
    t1_s: float = 18
    failures: int = 5
    open_s: float = 2
    probes: int = 1
    share: float = 1.0
    healthy_ms: float = 40
    failing_ms: float = 5
    seed: int = 1
    herd: bool = False  # everybody is admitted until the first verdict
    half_opens: bool = True
    opens: bool = True
    closes_on_failure: bool = False
    leak: float = 0.0


@dataclass
class Play:
    """What came of it: when requests were sent, and each that arrived, as (request, arrival, end, good)."""

    asked_ns: list[int] = field(default_factory=list)
    made: list[tuple[int, int, int, bool]] = field(default_factory=list)

    @property
    def arrivals(self) -> Arrivals:
        """The attempts, as the oracle reads them."""
        columns = list(zip(*self.made, strict=True)) or [(), (), (), ()]
        return Arrivals(np.array(columns[1], np.int64), np.array(columns[2], np.int64), np.array(columns[3], np.bool_))

    @property
    def asked(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """When requests were sent."""
        return np.array(self.asked_ns, np.int64)


def play(knobs: Breaks) -> Play:
    """Play every request of a Poisson load through the breaker."""
    random = np.random.default_rng(knobs.seed)
    sent = np.cumsum(random.exponential(S / knobs.rate_per_s, round(knobs.length_s * knobs.rate_per_s * 1.2)))
    found = Play(asked_ns=[int(at) for at in sent if at < knobs.length_s * S])
    state, opened_ns, bad, probing, known = "closed", 0, 0, 0, list[tuple[int, bool, bool]]()
    for request, at_ns in enumerate(found.asked_ns):
        while known and known[0][0] <= at_ns:
            ended_ns, good, probe = heapq.heappop(known)
            if state == "closed":
                bad = 0 if good else bad + 1
                if bad >= knobs.failures and knobs.opens:
                    state, opened_ns, bad = "open", ended_ns, 0
            elif state == "half-open" and probe:
                probing, bad = 0, 0
                closes = good or knobs.closes_on_failure
                state, opened_ns = ("closed", 0) if closes else ("open", ended_ns)
        if random.random() >= knobs.share:
            continue
        if state == "open" and at_ns >= opened_ns + knobs.open_s * S and knobs.half_opens:
            state, probing = "half-open", 0
        probe = state == "half-open" and (knobs.herd or probing < knobs.probes)
        if state == "closed" or probe or random.random() < knobs.leak:
            probing += probe
            down = knobs.t0_s * S <= at_ns < knobs.t1_s * S
            took_ms = knobs.failing_ms if down else knobs.healthy_ms
            arrived_ns = at_ns + MS // 2
            heapq.heappush(known, (arrived_ns + round(took_ms * MS), not down, probe))
            found.made.append((request, arrived_ns, arrived_ns + round(took_ms * MS), not down))
    return found
