"""When a breaker has seen enough: after so many failures, or when too large a share of calls has failed, within a window.

A call belongs to the window while it is less than `window_s` old.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True, eq=False)
class Verdict:
    """What was found out about the provider, and when."""

    at_s: float
    failed: bool


class Window(Protocol):
    """Collects verdicts."""

    def add(self, verdict: Verdict) -> bool:
        """Take a verdict, in the order of time; return whether this is enough to open."""

    def overturn(self, verdict: Verdict, at_s: float) -> bool:
        """A success turned out a failure at `at_s`; return whether this is enough to open."""

    def clear(self) -> None:
        """Forget everything."""


class FailureCount:
    """Enough is `failures` failures within `window_s`, whatever succeeds between them."""

    def __init__(self, *, failures: int, window_s: float) -> None:
        self._window_s = window_s
        # Only the last `failures` failures can open the breaker, so no more are kept, whatever the rate.
        self._failed_at: deque[float] = deque(maxlen=failures)

    def __len__(self) -> int:
        return len(self._failed_at)

    def add(self, verdict: Verdict) -> bool:
        """Count a failure."""
        return verdict.failed and self._count(verdict.at_s)

    def overturn(self, verdict: Verdict, at_s: float) -> bool:
        """Count a failure: the success was not counted."""
        return self._count(at_s)

    def clear(self) -> None:
        """Forget everything."""
        self._failed_at.clear()

    def _count(self, at_s: float) -> bool:
        self._failed_at.append(at_s)
        while self._failed_at[0] <= at_s - self._window_s:
            self._failed_at.popleft()
        return len(self._failed_at) == self._failed_at.maxlen


class ErrorRate:
    """Enough is a share of at least `error_rate` failures among at least `least_calls` calls within `window_s`."""

    def __init__(self, *, error_rate: float, least_calls: int, window_s: float) -> None:
        self._error_rate = error_rate
        self._least_calls = least_calls
        self._window_s = window_s
        self._verdicts: deque[Verdict] = deque()
        self._failed = 0

    def __len__(self) -> int:
        return len(self._verdicts)

    def add(self, verdict: Verdict) -> bool:
        """Count a call."""
        self._verdicts.append(verdict)
        self._failed += verdict.failed
        return self._enough(verdict.at_s)

    def overturn(self, verdict: Verdict, at_s: float) -> bool:
        """Count the same call as a failure; one that has left the window comes back as one of now."""
        self._forget(at_s)
        if not self._verdicts or verdict.at_s < self._verdicts[0].at_s:
            return self.add(Verdict(at_s, True))
        verdict.failed = True
        self._failed += 1
        return self._enough(at_s)

    def clear(self) -> None:
        """Forget everything."""
        self._verdicts.clear()
        self._failed = 0

    def _enough(self, now_s: float) -> bool:
        self._forget(now_s)
        calls = len(self._verdicts)
        return calls >= self._least_calls and self._failed > 0 and self._failed >= self._error_rate * calls

    def _forget(self, now_s: float) -> None:
        while self._verdicts and self._verdicts[0].at_s <= now_s - self._window_s:
            self._failed -= self._verdicts.popleft().failed
