"""Runs the `bench` command in a workspace of its own and looks for what it may have left behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCH = Path(sys.executable).parent / "bench"
ROOT = Path(__file__).resolve().parent.parent.parent
MOST_S = 100.0  # a test may take 120
LATE = "dispatch_limit_ms=5000,"  # other tests use the machine, and of few requests the latest is the p99

SCENARIO = '''"""A short run that can be broken in many ways."""

from gatebench import (Scenario, at_random, breakpoint, check, constant, fault, flap, mixed, phase, poisson, ramped, sine, spike,
    trace, users)
from gatebench.traffic import chat, mix, models

scenario = Scenario(
    traffic={traffic},
    load={load},
    phases=[{phases}],
    objective={{"response_ms": {objective}}},
    target_settings={{"breaker_window": "500ms", "breaker_open": "500ms"}},
    checks=[{checks}],
    {more}
)
'''


@dataclass
class Bench:
    """A workspace in which `bench` is called; `before` are words in front of it, such as those that choose a namespace."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    begun: float = field(default=0.0, init=False)
    test: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.env.setdefault("GATEBENCH_STATE", str(self.folder / "state"))
        for name in ("scenarios", "targets", "chaos"):
            (self.folder / name).mkdir(exist_ok=True)

    def scenario(self, name: str, **parts: str) -> None:
        """Write a scenario file."""
        given = {
            "traffic": "chat(prompt_words=5, max_tokens=4)",
            "load": 'poisson("100/s")',
            "phases": 'phase("baseline", "2s")',
            "objective": "1000",
            "checks": 'check("response_p50_ms", at_most=1000, phase="baseline", estimate="point")',
            "more": "",
            **parts,
        }
        (self.folder / "scenarios" / f"{name}.py").write_text(SCENARIO.format(**given))

    def target(self, name: str, toml: str, **files: str) -> None:
        """Write a target folder."""
        folder = self.folder / "targets" / name
        folder.mkdir()
        (folder / "target.toml").write_text(toml)
        for file, text in files.items():
            (folder / file.replace("_", ".")).write_text(text)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `bench` and return at once."""
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **self.env}
        environment.pop("TOXIPROXY_URL", None) if "TOXIPROXY_URL" not in self.env else None
        return subprocess.Popen(
            [*self.before, str(BENCH), *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str, timeout_s: float = 100) -> Done:
        """Run `bench` to its end. What is invalid for no other reason than that this machine was late is no measurement: it is
        made again, twice at most and not when that might take longer than a test may."""
        if self.test != (test := os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]):
            self.test, self.begun = test, time.monotonic()
        for tries in range(1, 4):
            tried = time.monotonic()
            before = self.runs()
            done = self._ended(*arguments, timeout_s=timeout_s)
            made = [run for run in self.runs() if run not in before]
            late = done.code in {3, 4} and any(_was_late(path) for run in made for path in run.rglob("summary.json"))
            again = time.monotonic() + (time.monotonic() - tried)
            if tries == 3 or not late or again > self.begun + MOST_S:
                break
            for run in made:
                shutil.rmtree(run)
        return done

    def _ended(self, *arguments: str, timeout_s: float) -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout_s)
        return Done(process.returncode, out, err, self)

    def runs(self) -> list[Path]:
        """The run folders, oldest first."""
        return sorted((self.folder / "runs").glob("*/"), key=lambda path: path.stat().st_mtime)

    def newest(self) -> Path:
        """The newest run folder."""
        return self.runs()[-1]


@dataclass
class Done:
    """What `bench` said and how it ended."""

    code: int
    out: str
    err: str
    bench: Bench

    def summary(self) -> dict[str, Any]:
        """The newest run's summary.json."""
        return dict(json.loads((self.bench.newest() / "summary.json").read_text()))

    def metric(self, name: str, phase: str | None = None) -> Any:
        """A metric's value in the newest run, all routes together."""
        return value(self.summary(), name, phase)


def _was_late(summary: Path) -> bool:
    findings = json.loads(summary.read_text()).get("validity", [])
    invalid = {finding["name"] for finding in findings if finding["status"] == "invalid"}
    return bool(invalid) and invalid <= {"dispatch_delay", "sent"}


def value(summary: dict[str, Any], name: str, phase: str | None = None) -> Any:
    """A metric's value in a summary, all routes together."""
    found = [m for m in summary["metrics"] if m["name"] == name and m["phase"] == phase and m["route"] is None]
    assert found, f"no {name} in {phase}"
    return found[0]["value"]


def run_token(run: Path) -> str:
    """The token that every process of a run carries in its environment."""
    return str(json.loads((run / "run.json").read_text())["plan"]["token"])


def marked(token: str) -> set[int]:
    """Every live process that carries the mark of a run."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"GATEBENCH_RUN={token}".encode() in path.read_bytes().split(b"\0"):
                found.add(int(path.parent.name))
    return found


def listening() -> set[int]:
    """Every TCP port of this machine that is listened on."""
    found = set()
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def ports_of(run: Path) -> set[int]:
    """The ports that a run's topology listened on, as its record says."""
    topology = json.loads((run / "run.json").read_text())["topology"]
    places = [*topology.get("links", {}).values(), *topology.get("providers", {}).values(), topology.get("gateway")]
    places += [place for admins in topology.get("admins", {}).values() for place in admins]
    return {int(place.rpartition(":")[2]) for place in places if place}


def events(run: Path) -> list[dict[str, Any]]:
    """A run's events so far."""
    path = run / "events.jsonl"
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    found = []
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def wait_for(what: str, condition: Callable[[], Any], within_s: float = 30.0) -> Any:
    """Wait until `condition()` is true and return it; bounded."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {within_s:g} s for {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Make sure that a started `bench` does not outlive its test."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
