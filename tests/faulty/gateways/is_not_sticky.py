"""The variant is drawn for every request, whoever asks."""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any


def spoil() -> None:
    """Chance in the place of a hash."""
    routing: Any = import_module("targets.reference.refgate.stages.routing")
    routing.sticky = lambda names, weights, caller: routing.drawn(names, weights, random.random())
