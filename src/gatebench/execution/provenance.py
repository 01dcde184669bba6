"""Where a run's figures come from: versions, commit, machine, interpreter."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from gatebench import __version__

_LIBRARIES = (
    "locust",
    "gevent",
    "geventhttpclient",
    "uvicorn",
    "uvloop",
    "aiohttp",
    "pyarrow",
    "numpy",
    "toxiproxy-python",
)


def provenance(workspace: Path) -> dict[str, Any]:
    """Return the facts that somebody needs to repeat a run elsewhere. Holds no host name and no user name."""
    return {
        "gatebench": __version__,
        "commit": _commit(workspace),
        "python": platform.python_version(),
        "libraries": {name: _library(name) for name in _LIBRARIES},
        "machine": {**_machine(), "load_average": list(os.getloadavg())},
    }


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def machine_kind(machine: dict[str, Any] | None = None) -> dict[str, str | int | None]:
    """Return what makes two machines alike to a measurement, of `machine` as a run's provenance tells it, or of this one.

    It stays over a reboot, and from one runner of a pool to the next.
    """
    known = _machine() if machine is None else machine
    return {
        "system": str(known.get("system") or "").partition(" ")[0],
        "architecture": known.get("architecture"),
        "processor": known.get("processor"),
        "cores": known.get("cores"),
        "memory_gib": round((known.get("memory_bytes") or 0) / 2**30),
    }


def _library(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit(workspace: Path) -> str | None:
    command = ["git", "-C", str(workspace), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
