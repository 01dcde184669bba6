"""Sees when a run must be stopped, from what the workers say while it goes on."""

from __future__ import annotations

from collections import deque

from gatebench.execution.load.state import LoadState
from gatebench.scenario import StopWhen
from gatebench.units import duration_s

_LEAST_FINISHED = 20
_NS = 1_000_000_000


class Stopper:
    """Judges one state after the other; `why` is the sentence of the condition that was met first."""

    def __init__(self, conditions: StopWhen) -> None:
        self._conditions = conditions
        self._over_ns = round(duration_s(conditions.over) * _NS)
        self._seen: deque[tuple[int, int, int]] = deque()
        self._slow_since_ns: int | None = None

    def why(self, now_ns: int, state: LoadState) -> str | None:
        """Take note of the state at `now_ns`; return why the run must stop, None when it may go on."""
        return self._too_many(state) or self._too_often(now_ns, state) or self._too_slow(now_ns, state)

    def _too_many(self, state: LoadState) -> str | None:
        most = self._conditions.bad_requests
        if most is None or state.bad < most:
            return None
        return f"{state.bad} requests ended badly, and stop_when allows fewer than {most}"

    def _too_often(self, now_ns: int, state: LoadState) -> str | None:
        most = self._conditions.error_rate
        if most is None:
            return None
        self._seen.append((now_ns, state.ok, state.bad))
        while len(self._seen) > 1 and self._seen[1][0] <= now_ns - self._over_ns:
            self._seen.popleft()
        then_ns, ok, bad = self._seen[0]
        finished = state.ok - ok + state.bad - bad
        if now_ns - then_ns < self._over_ns or finished < _LEAST_FINISHED:
            return None
        share = (state.bad - bad) / finished
        if share <= most:
            return None
        return f"{share:.1%} of {finished} requests ended badly within {self._conditions.over}, and stop_when allows {most:.1%}"

    def _too_slow(self, now_ns: int, state: LoadState) -> str | None:
        most = self._conditions.p99_ms
        if most is None or state.p99_ms is None or state.p99_ms <= most:
            self._slow_since_ns = None
            return None
        if self._slow_since_ns is None:
            self._slow_since_ns = now_ns
        if now_ns - self._slow_since_ns < self._over_ns:
            return None
        return f"p99 stayed above {most:g} ms for {self._conditions.over} (now {state.p99_ms:.0f} ms)"
