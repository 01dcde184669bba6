"""What is called a sliding log is a fixed window."""

from __future__ import annotations


def spoil() -> None:
    """The algorithm of that name is another one."""
    from targets.reference.refgate.limits import algorithms

    algorithms.ALGORITHMS["sliding-log"] = algorithms.ALGORITHMS["fixed-window"]  # type: ignore[index]
