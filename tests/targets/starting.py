"""Starts a target folder the way the supervisor does, with nothing but its definition and Jinja."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gatebench.environments import TargetEnvironment
from gatebench.execution.topology.ports import free_ports
from gatebench.target import Process, Setting, TargetDefinition
from gatebench.units import duration_s
from tests.targets.fake_provider import FakeProvider

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ROOT / "targets"
_READY_WITHIN_S = 15.0
DEADLINE_S = 5.0


def definition_of(name: str) -> TargetDefinition:
    """Return the target as its folder declares it."""
    return TargetDefinition.model_validate(tomllib.loads((TARGETS / name / "target.toml").read_text()))


def environment_of(name: str) -> str | None:
    """Return where what target `name` needs is installed, None when it needs nothing; skips the test when it is not there."""
    install = definition_of(name).install
    if install is None:
        return None
    environment = TargetEnvironment(name, install, TARGETS / name)
    if not environment.is_there:
        pytest.skip(f"{name} is not installed; bench targets install {name}")
    return str(environment.path)


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@dataclass
class Prepared:
    """A target whose files are rendered and whose commands are known."""

    definition: TargetDefinition
    directory: Path
    port: int
    names: dict[str, Any]
    jinja: Environment

    @property
    def origin(self) -> str:
        """Where it listens, by its own word if it chooses."""
        there = f"127.0.0.1:{self.port}"
        if self.definition.listen == "announced":
            file = self.directory / "address"
            there = file.read_text().strip() if file.is_file() else "127.0.0.1:1"
        return f"http://{there}"

    @property
    def url(self) -> str:
        """Where clients reach it: their paths come after it."""
        return f"{self.origin}{self.definition.path_prefix}"

    @property
    def headers(self) -> dict[str, str]:
        """What clients are to send with each request."""
        return {
            key: "".join(line.strip() for line in self.jinja.from_string(text).render(self.names).splitlines())
            for key, text in self.definition.headers.items()
        }

    def command(self, process: Process) -> list[str]:
        """Return the argument list of `process`."""
        return [self.jinja.from_string(item).render(self.names) for item in process.command]

    def environment(self, process: Process) -> dict[str, str]:
        """Return the environment of `process`."""
        return os.environ | {key: self.jinja.from_string(text).render(self.names) for key, text in process.env.items()}


def prepare(
    name: str,
    directory: Path,
    providers: Sequence[FakeProvider],
    *,
    profile: str = "default",
    deadline_s: float = DEADLINE_S,
    tenants: Sequence[Mapping[str, str]] = (),
    store_url: str | None = None,
    **settings: Setting,
) -> Prepared:
    """Render the files of target `name` into `directory`; `settings` override its own and its profile's."""
    definition = definition_of(name)
    chosen = {**definition.settings, **definition.profiles[profile].settings} if definition.profiles else {}
    jinja = Environment(  # files are not HTML
        loader=FileSystemLoader(TARGETS / name), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    jinja.filters["seconds"] = duration_s
    jinja.filters["ms"] = lambda text: duration_s(text) * 1000
    port = free_ports(1)[0]
    names = {
        "dir": str(directory),
        "folder": str(TARGETS / name),
        "installed": environment_of(name),
        "python": sys.executable,
        "host": "127.0.0.1",
        "port": port,
        "providers": [{"name": p.name, "host": p.host, "port": p.port, "url": p.url} for p in providers],
        "settings": {**chosen, **settings},
        "workers": 1,
        "deadline_s": deadline_s,
        "stores": {} if store_url is None else {"store": {"url": store_url}},
        "tenants": tenants,
    }
    for render in definition.render:
        template = (TARGETS / name / render.template).read_text()
        (directory / render.to).write_text(jinja.from_string(template).render(names))
    return Prepared(definition, directory, port, names, jinja)


@dataclass
class Running:
    """A started target. `user` is the numeric id its processes run as, None for ours."""

    prepared: Prepared
    user: int | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return self.prepared.url

    @property
    def log(self) -> str:
        """What its processes wrote to stdout and stderr."""
        return (self.prepared.directory / "log").read_text()

    def start(self) -> Running:
        """Start the processes one after the other, each when the one before is ready."""
        for process in self.prepared.definition.process:
            with (self.prepared.directory / "log").open("ab") as log:
                started = subprocess.Popen(
                    self.prepared.command(process),
                    env=self.prepared.environment(process),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    user=self.user,
                )
            self.processes.append(started)
            self._until_ready(process, started)
        return self

    def terminate(self) -> None:
        """Ask every process to end."""
        for process in self.processes:
            process.terminate()

    def wait(self) -> list[int]:
        """Wait until all have ended; return their exit codes."""
        return [process.wait(10.0) for process in self.processes]

    def stop(self) -> None:
        """End the process trees at once; each process leads a group of its own, which may outlive it."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _until_ready(self, process: Process, started: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + max(_READY_WITHIN_S, duration_s(process.ready.within))
        while time.monotonic() < deadline:
            assert started.poll() is None, f"{process.name} ended:\n{self.log}"
            try:
                status = httpx.get(f"{self.prepared.origin}{process.ready.path or '/'}", trust_env=False).status_code
                if status == process.ready.status or process.ready.path is None:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.01)
        raise AssertionError(f"{process.name} did not become ready:\n{self.log}")
