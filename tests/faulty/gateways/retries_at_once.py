"""A provider that failed a request is asked again at once, without a pause."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def spoil() -> None:
    """The pause is nothing."""
    failover: Any = import_module("targets.reference.refgate.failover")
    failover.full_jitter_s = lambda *_, **__: 0.0
