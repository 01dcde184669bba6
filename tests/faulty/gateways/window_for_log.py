"""A fixed window is sold as a sliding log: across an edge twice the limit gets in."""

from __future__ import annotations


def spoil() -> None:
    """Who asks for a log gets a window."""
    from targets.reference.refgate.limits.fixed_window import FixedWindow
    from targets.reference.refgate.limits.memory import MemoryStore

    begin = MemoryStore.__init__

    def windows(self, algorithm, clock) -> None:  # type: ignore[no-untyped-def]
        begin(self, algorithm, clock)
        if algorithm == "sliding-log":
            self._make = FixedWindow

    MemoryStore.__init__ = windows  # type: ignore[method-assign]
