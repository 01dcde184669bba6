"""What a kind of request is, and the kinds that are known."""

from __future__ import annotations

from typing import Protocol

from gatebench.traffic.draw import Draw
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route


class Composer(Protocol):
    """Composes the requests of one route; `needs_bytes` is how many random bytes one of them takes."""

    needs_bytes: int

    def __init__(self, route: Route, index: int, seed: int) -> None:
        """Prepare what all requests of `route`, the traffic's `index`-th, have in common under one seed."""

    def request(self, draw: Draw, tenant: int, size: int) -> Request:
        """Return a request; `size` is that of its body in bytes, negative for the route's own."""


_kinds: dict[str, type[Composer]] = {}


def register(name: str, composer: type[Composer]) -> None:
    """Make a kind known; two of one name are a mistake in the code."""
    if _kinds.setdefault(name, composer) is not composer:
        raise ValueError(f"{name} is already a kind of request; choose another name")


def registered() -> dict[str, type[Composer]]:
    """Return the kinds that were imported so far."""
    return dict(_kinds)
