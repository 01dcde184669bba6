"""The questions that `bench doctor` asks a machine; nothing here leaves loopback."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from gatebench.errors import ConfigurationError
from gatebench.execution.toxiproxy.program import find_real_server

Status = Literal["ok", "missing", "broken"]
OK: Final = "ok"
MISSING: Final = "missing"
BROKEN: Final = "broken"

_PROGRAMS: Final = (
    ("toxiproxy-server", ("--version",), "the real Toxiproxy, for --engine toxiproxy. Build it: make toxiproxy"),
    ("go", ("version",), "builds the real Toxiproxy and k6"),
    ("nginx", ("-v",), "the target nginx. Install it: apt-get install nginx-light"),
    ("redis-server", ("--version",), "a store for gateways that want one. Install it: apt-get install redis-server"),
    ("prometheus", ("--version",), "a source of server-side figures. Install it: apt-get install prometheus"),
    ("chromium", ("--version",), "looks at reports in tests. Install it: apt-get install chromium"),
    ("wrk", ("-v",), "a peer of the speed benchmark. Install it: apt-get install wrk"),
    ("k6", ("version",), "a peer of the speed benchmark. Build it: scripts/k6"),
    ("ip", ("-V",), "two machines on one, for remote workers. Install it: apt-get install iproute2"),
)
_LIBRARIES: Final = ("locust", "gevent", "geventhttpclient", "uvloop", "httptools", "pyarrow", "pandas", "pydantic")
_FEW_FILES: Final = 4096
_SLOW_TIMER_MS: Final = 5.0


@dataclass(frozen=True)
class Finding:
    """One question, how it was answered, and what to do about it; `missing` is something that only some runs need."""

    name: str
    status: Status
    found: str
    cure: str = ""


def diagnose(out: Path) -> list[Finding]:
    """Return every finding; a question that fails in an unexpected way is itself one."""
    questions: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _libraries,
        _machine,
        _programs,
        _loopback,
        _files,
        _timer,
        lambda: _folder(out),
        _engine,
        _targets,
        _standing,
    ]
    found: list[Finding] = []
    for question in questions:
        try:
            found += question()
        except Exception as error:  # a doctor who faints is of no use
            found.append(Finding("doctor", BROKEN, f"{type(error).__name__}: {error}", "Please report this."))
    return found


def _python() -> Iterator[Finding]:
    yield Finding("python", OK, platform.python_version())  # an older one than 3.11 could not install us


def _libraries() -> Iterator[Finding]:
    versions, lacking = [], []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lacking.append(name)
    if lacking:
        yield Finding("libraries", BROKEN, f"{', '.join(lacking)} cannot be imported", "Install gatebench again.")
    else:
        yield Finding("libraries", OK, ", ".join(versions))


def _machine() -> Iterator[Finding]:
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    text = f"{cores} cores, load {load:.2f}"
    if sys.platform != "linux":
        yield Finding(
            "machine", MISSING, f"{text}, {sys.platform}", "Linux first: precise timers are missing elsewhere."
        )
    elif load > cores / 2:
        yield Finding("machine", MISSING, text, "It is busy: times will be noisy and runs may be invalid.")
    else:
        yield Finding("machine", OK, text)


def _programs() -> Iterator[Finding]:
    for name, question, use in _PROGRAMS:
        path = find_real_server() if name == "toxiproxy-server" else shutil.which(name)
        if path is None:
            yield Finding(name, MISSING, use + ".")
        else:
            yield Finding(name, OK, _first_line([path, *question]) or path)


def _first_line(command: list[str]) -> str:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL, errors="replace"
        )
        return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "")[:70]
    return ""


def _loopback() -> Iterator[Finding]:
    for name, family, address in (
        ("loopback", socket.AF_INET, "127.0.0.1"),
        ("loopback, IPv6", socket.AF_INET6, "::1"),
    ):
        try:
            with (
                socket.create_server((address, 0), family=family) as server,
                socket.create_connection(server.getsockname()[:2], timeout=1),
            ):
                yield Finding(name, OK, f"{address} takes connections")
        except OSError as error:
            status: Status = BROKEN if family == socket.AF_INET else MISSING
            yield Finding(name, status, f"{address}: {error.strerror}", "Bring the interface lo up.")


def _files() -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _FEW_FILES:
        yield Finding("open files", BROKEN, f"at most {hard}", f"Raise the limit: ulimit -Hn {_FEW_FILES * 16}.")
    else:
        yield Finding("open files", OK, "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard}")


def _timer() -> Iterator[Finding]:
    """Sleep two milliseconds a hundred times and look how late one wakes."""
    late_ms = []
    for _ in range(100):
        began = time.monotonic_ns()
        time.sleep(0.002)
        late_ms.append((time.monotonic_ns() - began) / 1e6 - 2)
    p99 = sorted(late_ms)[98]
    text = f"sleeps end {statistics.median(late_ms):.2f} ms late (p99 {p99:.2f} ms)"
    if p99 > _SLOW_TIMER_MS:
        yield Finding(
            "timer", MISSING, text, "The machine is busy or its clock is coarse: dispatch delays will show it."
        )
    else:
        yield Finding("timer", OK, text)


def _folder(out: Path) -> Iterator[Finding]:
    place = next(folder for folder in (out, *out.resolve().parents) if folder.is_dir())
    free_gb = shutil.disk_usage(place).free / 1e9
    if not os.access(place, os.W_OK):
        yield Finding("run folders", BROKEN, f"{place} cannot be written", "Choose another folder with --out.")
    elif free_gb < 1:
        yield Finding("run folders", BROKEN, f"{free_gb:.1f} GB free in {place}", "Make room.")
    else:
        yield Finding("run folders", OK, f"{free_gb:.0f} GB free")


def _engine() -> Iterator[Finding]:
    url = os.environ.get("TOXIPROXY_URL")
    if url is None:
        yield Finding("engine", OK, "the embedded one; TOXIPROXY_URL names no other")
        return
    import httpx

    try:
        version = httpx.get(f"{url.rstrip('/')}/version", timeout=2).text.strip()
    except httpx.HTTPError as error:
        yield Finding("engine", BROKEN, f"TOXIPROXY_URL={url}: {error}", "Start that server, or unset the variable.")
    else:
        yield Finding("engine", OK, f"Toxiproxy at {url}: {version[:60]}")


def _targets() -> Iterator[Finding]:
    """Say which targets are ready here, and what each of the others lacks."""
    from gatebench.content import Content
    from gatebench.environments import lacking

    content = Content()
    ready = []
    for name in content.target_names():
        try:
            target = content.target(name)
        except ConfigurationError as error:
            yield Finding(f"target {name}", MISSING, str(error.problems[0]), "`bench check` says everything.")
            continue
        lacks = lacking(target.definition, target.folder, target.own)
        if lacks:
            yield Finding(
                f"target {name}", MISSING, " ".join(one.what for one in lacks), " ".join(one.cure for one in lacks)
            )
        else:
            ready.append(name)
    yield Finding("targets", OK, f"ready: {', '.join(ready)}")


def _standing() -> Iterator[Finding]:
    from gatebench.execution.standing import standing

    there = standing()
    names = ", ".join(one.name for one in there)
    yield Finding(
        "bench up", OK, f"standing: {names}. `bench down {there[0].name}` takes it down." if there else "nothing stands"
    )
