"""The smaller part of the split gets 12 % where it should get 10 %."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

_MORE = 1.2


def spoil() -> None:
    """The smallest weight counts a fifth more, at the cost of the largest."""
    from targets.reference.refgate.routing.weights import Weights

    routing: Any = import_module("targets.reference.refgate.stages.routing")

    drawn = routing.drawn

    def drawn_wrong(names: Sequence[str], weights: Weights, draw: float) -> str | None:
        least, most = min(weights, key=lambda name: weights[name]), max(weights, key=lambda name: weights[name])
        more = weights[least] * (_MORE - 1)
        chosen: str | None = drawn(names, {**weights, least: weights[least] + more, most: weights[most] - more}, draw)
        return chosen

    routing.drawn = drawn_wrong
