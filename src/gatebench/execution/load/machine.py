"""What a load process says of the place where it runs: versions, and which clock it reads. No host name, no user name."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from gatebench import __version__

_DIGITS: Final = 12
_TOLD: Final = ("host", "gatebench", "locust", "gevent", "python", "system", "architecture", "cores")
_ALONE: Final = secrets.token_hex(16)  # a machine that does not name its boot shares its clock with nobody


def machine() -> dict[str, Any]:
    """Return the facts that both sides compare: versions, host (a digest of its boot) and clock (a digest of boot and time namespace).

    Two processes with the same `clock` read one monotonic clock: it belongs to the kernel that booted, seen through a
    time namespace (`man 7 time_namespaces`).
    """
    boot = _boot()
    return {
        "gatebench": __version__,
        "locust": version("locust"),
        "gevent": version("gevent"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "host": _digest(boot),
        "clock": _digest(f"{boot} {_time_namespace()}"),
    }


def told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what run.json keeps of a machine's facts, or of what somebody says that they are."""
    return {name: facts.get(name) for name in _TOLD}


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _ALONE


def _time_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/time").readlink())
    except OSError:
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
