"""A circuit breaker stops asking a provider that keeps failing, and finds out with few probes whether it is back.

Pure and synchronous: it keeps times, never waits, and knows no HTTP. Each method runs without yielding, so callers on
one event loop need no lock.

              the window has seen enough (windows.py)
    CLOSED ───────────────────────────────────────────▶ OPEN
      ▲                                                │  ▲
      │ `probes` probes succeeded     `open_s` is over │  │ a probe failed
      │                                                ▼  │
      └─────────────────────────────────────────── HALF_OPEN   `probes` are admitted, everybody else is refused
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .windows import Verdict, Window


class State(Enum):
    """What a breaker does with callers: let all pass, let a few pass, let none pass."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


@dataclass(slots=True, eq=False)
class Permit:
    """Leave to make one attempt; give it back with exactly one of `succeeded`, `failed`, `abandoned` and `released`.

    `generation` counts the breaker's changes of state: what an attempt of an earlier generation finds out says nothing
    about the present one. `verdict` is the success that a later failure overturns.
    """

    generation: int
    verdict: Verdict | None = None


class Breaker:
    """The breaker of one provider. With `slow_call_s` an answer that takes that long is a failure; 0 is never."""

    def __init__(
        self,
        window: Window,
        *,
        open_s: float,
        slow_call_s: float = 0.0,
        probes: int = 1,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[State], None] = lambda state: None,
    ) -> None:
        self._window = window
        self._open_s = open_s
        self._slow_call_s = slow_call_s
        self._probes = probes
        self._clock = clock
        self._on_change = on_change
        self._state = State.CLOSED
        self._generation = 0
        self._opened_at = 0.0
        # The probes of this half-open time: each is under way (False) or has succeeded (True).
        self._probing: dict[Permit, bool] = {}

    @property
    def state(self) -> State:
        """The present state; an open breaker turns half-open when somebody asks to be admitted, not by itself."""
        return self._state

    def wait_s(self) -> float:
        """Return the seconds until a caller may be admitted: 0 means that `admit` would say yes now.

        While the probes are under way their verdict is not known; `open_s` is how long it takes if one fails.
        """
        if self._state is State.OPEN:
            return max(0.0, self._opened_at + self._open_s - self._clock())
        return self._open_s if len(self._probing) >= self._probes else 0.0

    def admit(self) -> Permit | None:
        """Return leave for one attempt, or None while the provider is to be left alone."""
        if self._state is State.OPEN and self.wait_s() == 0:
            self._become(State.HALF_OPEN)
        if self._state is State.CLOSED:
            return Permit(self._generation)
        if self._state is State.HALF_OPEN and len(self._probing) < self._probes:
            permit = Permit(self._generation)
            self._probing[permit] = False
            return permit
        return None

    def succeeded(self, permit: Permit, took_s: float = 0.0) -> None:
        """The provider answered. The last probe to succeed closes the breaker; all go on as ordinary attempts."""
        if self._is_slow(took_s):
            self.failed(permit)
        elif permit in self._probing:
            self._probing[permit] = True
            if sum(self._probing.values()) == self._probes:
                passed = tuple(self._probing)
                self._become(State.CLOSED)
                for one in passed:
                    one.generation = self._generation
        elif self._counts(permit):
            permit.verdict = Verdict(self._clock(), False)
            if self._window.add(permit.verdict):
                self._open()

    def failed(self, permit: Permit) -> None:
        """The provider failed; also after `succeeded`, when an answer breaks off half-way."""
        if permit in self._probing:
            self._open()
        elif self._counts(permit):
            before, permit.verdict = permit.verdict, None
            now_s = self._clock()
            if self._window.add(Verdict(now_s, True)) if before is None else self._window.overturn(before, now_s):
                self._open()

    def abandoned(self, permit: Permit, took_s: float) -> None:
        """Somebody else answered first, after `took_s`: that is a verdict only if it was too slow already."""
        if self._is_slow(took_s):
            self.failed(permit)
        else:
            self.released(permit)

    def released(self, permit: Permit) -> None:
        """The attempt ended without a verdict (its client left): a probe's place is free for the next caller."""
        if self._probing.get(permit) is False:
            del self._probing[permit]

    def _is_slow(self, took_s: float) -> bool:
        return 0 < self._slow_call_s <= took_s

    def _counts(self, permit: Permit) -> bool:
        return self._state is State.CLOSED and permit.generation == self._generation

    def _open(self) -> None:
        self._opened_at = self._clock()
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._probing = {}
        self._window.clear()
        self._on_change(state)
