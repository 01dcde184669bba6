"""The fixed window: `limit` in each window of one period; two full windows may meet at an edge, 2 × limit within no time.

Windows either lie on a grid that begins at `phase_ns` (a clock's seconds and minutes), or each begins with the first
request after the one before it is over (a counter that is made with an expiry, as with Redis' INCR and EXPIRE).
"""

from __future__ import annotations


class FixedWindow:
    """One key's counter on a grid of windows."""

    def __init__(self, limit: int, period_ns: int, phase_ns: int = 0) -> None:
        self._limit, self._period_ns, self._phase_ns = limit, period_ns, phase_ns
        self._window: int | None = None
        self._count = 0

    def room(self, at_ns: int, cost: int = 1) -> bool:
        """Tell whether the window of that moment has room."""
        return self._counted(at_ns) + cost <= self._limit

    def take(self, at_ns: int, cost: int = 1) -> None:
        """Count within the window of that moment."""
        self._count = self._counted(at_ns) + cost
        self._window = self._number(at_ns)

    def wait_ns(self, at_ns: int, cost: int = 1) -> int:
        """Return how long until a window with room begins."""
        if self.room(at_ns, cost):
            return 0
        return (self._number(at_ns) + 1) * self._period_ns + self._phase_ns - at_ns

    def _number(self, at_ns: int) -> int:
        return (at_ns - self._phase_ns) // self._period_ns

    def _counted(self, at_ns: int) -> int:
        return self._count if self._window == self._number(at_ns) else 0


class AnchoredWindow:
    """One key's counter whose window begins with its first request."""

    def __init__(self, limit: int, period_ns: int) -> None:
        self._limit, self._period_ns = limit, period_ns
        self._began_ns: int | None = None
        self._count = 0

    def room(self, at_ns: int, cost: int = 1) -> bool:
        """Tell whether the running window has room, or none runs."""
        return self._counted(at_ns) + cost <= self._limit

    def take(self, at_ns: int, cost: int = 1) -> None:
        """Count within the running window, or begin one."""
        self._count = self._counted(at_ns) + cost
        if not self._runs(at_ns):
            self._began_ns = at_ns

    def wait_ns(self, at_ns: int, cost: int = 1) -> int:
        """Return how long until the running window is over, when it is full."""
        if self._began_ns is None or self.room(at_ns, cost):
            return 0
        return self._began_ns + self._period_ns - at_ns

    def _runs(self, at_ns: int) -> bool:
        return self._began_ns is not None and at_ns < self._began_ns + self._period_ns

    def _counted(self, at_ns: int) -> int:
        return self._count if self._runs(at_ns) else 0
