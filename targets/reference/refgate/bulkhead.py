"""A bulkhead keeps one provider from taking everything: so many requests are with it at the same time, and no more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Bulkhead:
    """`places` at the same time; 0 is no limit. Whoever entered leaves once, a stream at its end."""

    places: int = 0
    taken: int = 0

    def is_full(self) -> bool:
        """Tell whether the next one must go elsewhere."""
        return 0 < self.places <= self.taken

    def enter(self) -> None:
        """Take a place."""
        self.taken += 1

    def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1
