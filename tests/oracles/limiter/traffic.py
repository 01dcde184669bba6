"""Arrivals, exact gateways, and the blur of a network between a client and a gateway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatebench.oracles.limiter.concurrency import replay_in_flight
from gatebench.oracles.limiter.limit import Limit
from gatebench.oracles.limiter.model import replay
from gatebench.oracles.limiter.spans import Spans, Times

MS = 1_000_000
S = 1_000 * MS

EXACT = (
    Limit("token-bucket", 10, S, 20),
    Limit("gcra", 10, S, 20),
    Limit("sliding-log", 10, S),
    Limit("sliding-counter", 10, S),
    Limit("sliding-counter", 10, S, whole=True),
    Limit("fixed-window", 10, S),
)


@dataclass(frozen=True)
class Seen:
    """One key's requests as a client sees them: when each was really decided on, and between which moments it must have been."""

    at_ns: Times
    spans: Spans
    admitted: npt.NDArray[np.bool_]

    @property
    def passed(self) -> Spans:
        """What was admitted."""
        return self.spans.where(self.admitted)

    @property
    def refused(self) -> Spans:
        """What was not."""
        return self.spans.where(~self.admitted)

    @property
    def exact(self) -> Spans:
        """What was admitted, with its true moments."""
        moments = self.at_ns[self.admitted]
        return Spans.of(moments, moments)


def poisson(rate_per_s: float, length_s: float, seed: int) -> Times:
    """Return arrivals at random, nanoseconds."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1 / rate_per_s, int(rate_per_s * length_s * 2) + 20)
    return np.asarray(np.cumsum(gaps)[np.cumsum(gaps) < length_s] * S, np.int64)


def bursts(every_s: float, size: int, length_s: float, seed: int) -> Times:
    """Return groups of arrivals within five milliseconds each."""
    random = np.random.default_rng(seed)
    starts = np.repeat(np.arange(0.3, length_s, every_s) * S, size)
    return np.sort((starts + random.uniform(0, 5 * MS, len(starts))).astype(np.int64))


def seen(
    limit: Limit, at_ns: Times, seed: int, *, every_more: int = 0, phase_ns: int = 0, blur_ms: float = 3.0
) -> Seen:
    """Return what a gateway with this very algorithm admits, blurred by a network; each `every_more`-th of the refused is
    admitted in spite.
    """
    admitted = np.array(replay(limit.model(phase_ns), at_ns.tolist()), np.bool_)
    if every_more:
        admitted[np.flatnonzero(~admitted)[every_more - 1 :: every_more]] = True
    return blurred(at_ns, admitted, seed, blur_ms)


def blurred(at_ns: Times, admitted: npt.NDArray[np.bool_], seed: int, blur_ms: float = 3.0) -> Seen:
    """Return requests that took up to `blur_ms` to the gateway, and as long from there."""
    random = np.random.default_rng(seed)
    before = random.gamma(2.0, blur_ms / 6, len(at_ns)).clip(0.05, blur_ms) * MS
    after = random.gamma(2.0, blur_ms / 6, len(at_ns)).clip(0.05, blur_ms) * MS
    spans = Spans.of(at_ns - before.astype(np.int64), at_ns + after.astype(np.int64))
    return Seen(at_ns, spans, admitted)


def flights(limit: int, at_ns: Times, takes_ns: int) -> npt.NDArray[np.bool_]:
    """Return what a concurrency limit admits of requests that all take as long."""
    return np.array(replay_in_flight(limit, at_ns.tolist(), (at_ns + takes_ns).tolist()), np.bool_)
