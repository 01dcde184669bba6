"""What every exact model of a limiter can do, and a replay of arrivals through one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Model(Protocol):
    """One key's limiter. Times are whole nanoseconds and never go back; a cost is a number of requests or tokens."""

    def room(self, at_ns: int, cost: int = 1) -> bool:
        """Tell whether a request at that moment would be admitted; changes nothing that a later question could see."""

    def take(self, at_ns: int, cost: int = 1) -> None:
        """Book an admitted request, whether or not there was room for it."""

    def wait_ns(self, at_ns: int, cost: int = 1) -> int:
        """Return how long until there is room when nobody else comes."""


def replay(model: Model, at_ns: Sequence[int], costs: Sequence[int] | None = None) -> list[bool]:
    """Return which of the arrivals, in order of time, the model admits."""
    admitted = []
    for number, moment in enumerate(at_ns):
        cost = 1 if costs is None else costs[number]
        fits = model.room(moment, cost)
        if fits:
            model.take(moment, cost)
        admitted.append(fits)
    return admitted
