"""A command on a leash: it ends with whoever holds it, whatever ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gatebench.execution.leash import Leashed

pytestmark = pytest.mark.e2e

HOLDER = """
import sys
from pathlib import Path
from gatebench.execution.leash import Leashed
held = Leashed(["sh", "-c", "sleep 60 & echo $$ $!; wait"], Path.cwd())
print(held.process.pid, next(held.lines()), flush=True)
held.process.wait()
"""


def gone(pid: int, within_s: float = 10.0) -> bool:
    """Tell whether a process ends in time; a zombie has."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.02)
                continue
        return True
    return False


def test_nothing_of_it_outlives_a_holder_that_is_killed(tmp_path: Path) -> None:
    """The holder gets SIGKILL: the command goes, and what it had started in the background."""
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, cwd=tmp_path, text=True) as holder:
        assert holder.stdout is not None
        pids = [int(word) for word in holder.stdout.readline().split()]
        assert len(pids) == 3
        assert all(psutil.pid_exists(pid) for pid in pids)
        os.kill(holder.pid, signal.SIGKILL)
    assert all(gone(pid) for pid in pids)


def test_a_group_of_its_own_does_not_get_away(tmp_path: Path) -> None:
    """`timeout` makes one, as shells with job control do; it is ended all the same, and the pipe with it."""
    held = Leashed(["timeout", "60", "sh", "-c", "echo $$; sleep 60"], tmp_path)
    pid = int(next(held.lines()))
    assert os.getpgid(pid) != held.process.pid
    held.end()
    assert gone(pid)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("trap 'exit 4' TERM; kill 0; sleep 60", 4),  # as build scripts do that end what they started
        ("kill -9 $$", -signal.SIGKILL),
    ],
)
def test_signals_end_the_command_and_are_told_as_of_any_process(tmp_path: Path, script: str, code: int) -> None:
    """One that it sends to its own group does not mean us; one that ends it is how we end."""
    held = Leashed(["sh", "-c", script], tmp_path)
    try:
        assert held.process.wait(10) == code
    finally:
        held.end()


def test_programs_are_found_from_the_folder_they_start_in(tmp_path: Path) -> None:
    """PATH may have entries that are no whole paths."""
    program = tmp_path / "tools" / "mine"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 5\n")
    program.chmod(0o755)
    held = Leashed(["mine"], tmp_path, environment={"PATH": f"tools:{os.environ['PATH']}"})
    try:
        assert held.process.wait(10) == 5
    finally:
        held.end()


def test_it_ends_as_its_command_does(tmp_path: Path) -> None:
    """Exit code, output and folder are the command's; what it left in the background is ended."""
    held = Leashed(["sh", "-c", "sleep 60 & echo $!; pwd; echo trouble >&2; exit 3"], tmp_path)
    lines = held.lines()
    pid = int(next(lines))
    assert [next(lines).strip(), next(lines).strip()] == [str(tmp_path), "trouble"]
    assert held.process.wait(10) == 3
    held.end()
    assert gone(pid)
    assert held.process.stdout is not None
    assert held.process.stdout.closed


@pytest.mark.parametrize(
    ("command", "error"),
    [("no-such-program", FileNotFoundError), ("./here", PermissionError), ("./not-here", FileNotFoundError)],
)
def test_what_cannot_be_started_says_so_at_once(tmp_path: Path, command: str, error: type[OSError]) -> None:
    """A program that is missing, or may not be started, raises before anything runs."""
    (tmp_path / "here").write_text("text")
    with pytest.raises(error):
        Leashed([command], tmp_path)


def test_a_package_of_our_name_in_its_folder_is_not_loaded(tmp_path: Path) -> None:
    """A build runs in somebody's own repository, which may hold anything."""
    (tmp_path / "gatebench").mkdir()
    (tmp_path / "gatebench" / "__init__.py").write_text("raise SystemExit(9)\n")
    (tmp_path / "subprocess.py").write_text("raise SystemExit(8)\n")
    held = Leashed(["true"], tmp_path, environment={**os.environ, "PYTHONPATH": str(tmp_path)})
    try:
        assert held.process.wait(10) == 0
    finally:
        held.end()
