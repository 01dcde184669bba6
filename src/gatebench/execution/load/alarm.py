"""Wakes one greenlet at an absolute time, to the microsecond.

The event loop's own timers end in `epoll_wait`, which counts whole milliseconds: every request would be sent up to 1 ms
late. A Linux timerfd on the monotonic clock is readable at the very time; the loop sees it like any socket, but first.
"""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any, Final

from gevent import getcurrent

from gatebench.execution.load.turns import Turns

_READ: Final = 1
_ABSOLUTE: Final = 1  # TFD_TIMER_ABSTIME
_NS_PER_S: Final = 1_000_000_000

_libc = ctypes.CDLL(None, use_errno=True)


class Alarm:
    """An alarm clock for one greenlet. `ring` wakes it early."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._sleeper: Any = None
        self._setting = (ctypes.c_long * 4)()  # struct itimerspec: interval (0: once), then the time, each in s and ns
        self._pointer = ctypes.byref(self._setting)
        self._descriptor = int(_libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "the kernel gives no timerfd")
        self._watcher = turns.watch(self._descriptor, _READ, self._expire, first=True)

    def wait_until(self, at_ns: int) -> None:
        """Sleep until `at_ns` of the monotonic clock, or until `ring`; a time in the past still lets others run once."""
        if at_ns <= time.monotonic_ns():
            self._turns.pause()  # a timer set in the past costs 25 µs of kernel on a virtual machine
            return
        self._setting[2], self._setting[3] = divmod(at_ns, _NS_PER_S)
        if _libc.timerfd_settime(self._descriptor, _ABSOLUTE, self._pointer, None) != 0:
            raise OSError(ctypes.get_errno(), "the kernel refused to set a timerfd")
        self._sleeper = getcurrent()
        self._turns.give()

    def ring(self) -> None:
        """Wake the sleeper now; harmless when nobody sleeps."""
        self._turns.soon(self._wake)

    def close(self) -> None:
        """Give the descriptor back."""
        self._watcher.close()
        os.close(self._descriptor)

    def _expire(self) -> None:
        try:
            os.read(self._descriptor, 8)  # else it stays readable and the loop spins
        except BlockingIOError:
            return  # libev may report an event that is none, and nothing may be sent early
        self._wake()

    def _wake(self) -> None:
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.switch()
