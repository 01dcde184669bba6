"""The breaker needs ten times as many failures as it is told, within ten times the window."""

from __future__ import annotations


def spoil() -> None:
    """Both are multiplied."""
    from targets.reference.refgate.windows import FailureCount

    begin = FailureCount.__init__

    def late(self: FailureCount, *, failures: int, window_s: float) -> None:
        begin(self, failures=10 * failures, window_s=10 * window_s)

    FailureCount.__init__ = late  # type: ignore[method-assign]
