"""High priorities are refused first, and low ones last."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def spoil() -> None:
    """The shares of the places are turned round."""
    shedding: Any = import_module("targets.reference.refgate.stages.shedding")
    shedding.SHARES = {"low": 1.0, "normal": 0.8, "high": 0.5}
