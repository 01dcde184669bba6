"""Some seeds of one gateway in one profile."""

from __future__ import annotations

from typing import NamedTuple


class Job(NamedTuple):
    """The seeds `first` to `first + seeds - 1` of a gateway in a profile."""

    profile: str
    gateway: str
    first: int
    seeds: int
