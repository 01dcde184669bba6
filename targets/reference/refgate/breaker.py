"""A circuit breaker stops asking a provider that keeps failing, and finds out with one probe whether it is back.

Pure and synchronous: it keeps times, never waits, and knows no HTTP. Each method runs without yielding, so callers on
one event loop need no lock.

                 `failures` failures within `window_s`
    CLOSED ───────────────────────────────────────────▶ OPEN
      ▲                                                │  ▲
      │ probe succeeded               `open_s` is over │  │ probe failed
      │                                                ▼  │
      └─────────────────────────────────────────── HALF_OPEN   one probe at a time, everybody else is refused
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """What a breaker does with callers: let all pass, let one pass, let none pass."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


@dataclass(slots=True, eq=False)
class Permit:
    """Leave to make one attempt; give it back with exactly one of `succeeded`, `failed` and `released`.

    `generation` counts the breaker's changes of state: what an attempt of an earlier generation finds out says nothing
    about the present one.
    """

    generation: int


class Breaker:
    """The breaker of one provider."""

    def __init__(
        self,
        *,
        failures: int,
        window_s: float,
        open_s: float,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[State], None] = lambda state: None,
    ) -> None:
        self._window_s = window_s
        self._open_s = open_s
        self._clock = clock
        self._on_change = on_change
        self._state = State.CLOSED
        self._generation = 0
        # Only the last `failures` failures can open the breaker, so no more are kept, whatever the rate.
        self._failed_at: deque[float] = deque(maxlen=failures)
        self._opened_at = 0.0
        self._probe: Permit | None = None

    @property
    def state(self) -> State:
        """The present state; an open breaker turns half-open when somebody asks to be admitted, not by itself."""
        return self._state

    def wait_s(self) -> float:
        """Return the seconds until a caller may be admitted: 0 means that `admit` would say yes now.

        While a probe is under way its verdict is not known; `open_s` is how long it takes if it fails.
        """
        if self._state is State.OPEN:
            return max(0.0, self._opened_at + self._open_s - self._clock())
        return 0.0 if self._probe is None else self._open_s

    def admit(self) -> Permit | None:
        """Return leave for one attempt, or None while the provider is to be left alone."""
        if self._state is State.OPEN and self.wait_s() == 0:
            self._become(State.HALF_OPEN)
        if self._state is State.CLOSED:
            return Permit(self._generation)
        if self._state is State.HALF_OPEN and self._probe is None:
            self._probe = Permit(self._generation)
            return self._probe
        return None

    def succeeded(self, permit: Permit) -> None:
        """The provider answered. A probe that succeeds closes the breaker and goes on as an ordinary attempt."""
        if permit is self._probe:
            self._become(State.CLOSED)
            permit.generation = self._generation

    def failed(self, permit: Permit) -> None:
        """The provider failed; also after `succeeded`, when an answer breaks off half-way."""
        if permit is self._probe:
            self._open()
        elif self._state is State.CLOSED and permit.generation == self._generation:
            self._count()

    def released(self, permit: Permit) -> None:
        """The attempt ended without a verdict (its client left): a probe's place is free for the next caller."""
        if permit is self._probe:
            self._probe = None

    def _count(self) -> None:
        now = self._clock()
        self._failed_at.append(now)
        while self._failed_at[0] <= now - self._window_s:
            self._failed_at.popleft()
        if len(self._failed_at) == self._failed_at.maxlen:
            self._open()

    def _open(self) -> None:
        self._opened_at = self._clock()
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._probe = None
        self._failed_at.clear()
        self._on_change(state)
