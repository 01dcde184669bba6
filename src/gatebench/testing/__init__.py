"""Runs inside tests: what the pytest plugin's `gatebench` fixture gives.

The names that a test's annotations need are here; they load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gatebench.testing.result import NoNumber, RunResult
    from gatebench.testing.runs import BadRequest, Gatebench, RunFailed

__all__ = ["BadRequest", "Gatebench", "NoNumber", "RunFailed", "RunResult"]

_HOMES = {"NoNumber": "result", "RunResult": "result", "BadRequest": "runs", "Gatebench": "runs", "RunFailed": "runs"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"gatebench.testing.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
