"""The greenlets that carry requests: each request in flight has one of its own, and a finished one waits for the next.

A greenlet that is made for each request would cost 18 µs in page faults on CPython 3.11 and later, because every
greenlet brings its own frame stack; one that is kept costs a switch, 0.3 µs. The bound is that of a `gevent.pool.Pool`
of the same size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent import getcurrent
from gevent.hub import RawGreenlet

from gatebench.execution.load.flight import Flight
from gatebench.execution.load.turns import Turns


class Crew:
    """At most `size` flights at a time, each carried by `carry` in a greenlet of its own.

    An exception in `carry` is a defect of the generator: the first one is kept in `defect`.
    """

    def __init__(self, size: int, turns: Turns, carry: Callable[[Flight], None]) -> None:
        self.size = size
        self.busy = 0
        self.defect: BaseException | None = None
        self._turns = turns
        self._carry = carry
        self._resting: list[Any] = []
        self._hub: Any = turns.hub

    def full(self) -> bool:
        """Tell whether every place is taken."""
        return self.busy >= self.size

    def launch(self, flight: Flight) -> None:
        """Start `flight` now; returns when its request is on the wire, or waits for a connection."""
        self.busy += 1
        carrier = self._resting.pop() if self._resting else RawGreenlet(self._work, self._hub)
        self._turns.launch(carrier, flight)

    def _work(self, flight: Flight) -> None:
        me = getcurrent()
        while True:
            try:
                self._carry(flight)
            except Exception as error:
                self.defect = self.defect or error
            self.busy -= 1
            self._resting.append(me)
            flight = self._turns.give()
