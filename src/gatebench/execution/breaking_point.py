"""Sees when a target breaks under a rising load, from what the workers say while they run."""

from __future__ import annotations

from collections import deque
from typing import Final

from gatebench.execution.load.state import LoadState

_WINDOW_NS: Final = 1_000_000_000
_LEAST_FINISHED: Final = 20


class BreakingPoint:
    """Broken: more than `share` of the requests that finished within the last second were not ok, of at least twenty."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._seen: deque[tuple[int, int, int]] = deque()
        self.bad_share = 0.0

    def sees(self, now_ns: int, state: LoadState) -> bool:
        """Take note of the state at `now_ns`; tell whether the target has broken."""
        if not self._seen or (state.ok, state.bad) != self._seen[-1][1:]:
            self._seen.append((now_ns, state.ok, state.bad))
        while len(self._seen) > 1 and self._seen[1][0] <= now_ns - _WINDOW_NS:
            self._seen.popleft()
        _, ok, bad = self._seen[0]
        finished = state.ok - ok + state.bad - bad
        self.bad_share = (state.bad - bad) / finished if finished else 0.0
        return finished >= _LEAST_FINISHED and self.bad_share > self._share
