"""Lets tests import what they share by its full name (`from tests.factory import make_run`)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# A machine that stands still for a second says nothing about the example that it was busy with.
settings.register_profile("patient", settings.default, deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("patient")

_CLOCKED = ("execution", "targets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `clocked` what single servers and clients do over sockets: their answers have to come in time."""
    tests = Path(__file__).resolve().parent
    for item in items:
        if item.path.relative_to(tests).parts[0] in _CLOCKED:
            item.add_marker(pytest.mark.clocked)
