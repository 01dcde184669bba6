"""Who runs next: the two ways in which a greenlet of the generator waits, both without an exception or an object to spare."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent import getcurrent

_NS = 1e-9


class Turns:
    """Gives the turn away until something happens.

    A launcher starts a request by switching into the greenlet that will carry it. The first time that greenlet waits,
    the turn goes straight back to the launcher instead of through the event loop, where other requests' answers may
    queue: launching costs the launcher the send and nothing else.

    The price is a rule: a carrier waits through these turns and in no other way. A launcher whose carrier waits in one of
    gevent's own is not called back.
    """

    __slots__ = ("_launcher", "_loop", "hub")

    def __init__(self) -> None:
        self.hub: Any = gevent.get_hub()
        self._loop: Any = self.hub.loop
        self._launcher: Any = None

    def watch(self, descriptor: int, events: int, callback: Callable[[], object], *, first: bool = False) -> Any:
        """Return a started watcher that calls `callback` whenever `descriptor` has one of `events` (1 read, 2 write)."""
        watcher = self._loop.io(descriptor, events)
        if first:
            watcher.priority = self._loop.MAXPRI
        watcher.start(callback)
        return watcher

    def launch(self, carrier: Any, *arguments: object) -> None:
        """Switch into `carrier` now and come back when it waits for the first time, or is done."""
        self._launcher = getcurrent()
        carrier.switch(*arguments)

    def give(self) -> Any:
        """Give the turn away; returns what the waker passes. Whoever calls this has arranged to be woken."""
        launcher = self._launcher
        if launcher is None:
            return self.hub.switch()
        self._launcher = None
        return launcher.switch()

    def pause(self) -> None:
        """Let everybody else who is ready run once, and sockets be looked at.

        A timer of no time, because a callback would not do: gevent runs callbacks that ask for callbacks for up to 5 ms
        before it looks at a socket again, and answers would be read that late while a late generator catches up.
        """
        timer = self._loop.timer(0.0)
        timer.start(getcurrent().switch)
        self.give()
        timer.close()

    def soon(self, callback: Callable[[], object]) -> None:
        """Have `callback` called in the next turn of the event loop."""
        self._loop.run_callback(callback)

    def until(self, at_ns: int) -> bool:
        """Wait to be woken with True; returns False when `at_ns` came first. The caller's watcher must be running.

        The loop counts a timer from its own, slightly stale, idea of now, so an early ring is waited out.
        """
        wake = getcurrent().switch
        while True:
            left_ns = at_ns - time.monotonic_ns()
            if left_ns <= 0:
                return False
            timer = self._loop.timer(left_ns * _NS)
            timer.start(wake, False)
            woken = self.give()
            timer.close()
            if woken:
                return True
