"""Either engine's command line, and where the real server is looked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gatebench.execution.toxiproxy import program
from gatebench.execution.toxiproxy.program import command, find_real_server


def test_commands() -> None:
    """Both take a port and a seed; ours takes the hosts that are permitted too."""
    assert command("toxiproxy", 8474, 7, "/x/toxiproxy-server") == [
        *("/x/toxiproxy-server", "-host", "127.0.0.1", "-port", "8474", "-seed", "7")
    ]
    assert command("embedded", 8474, 7, None, ("10.0.0.1", "redis")) == [
        *(sys.executable, "-P", "-m", "gatebench.execution.toxiproxy.server", "--port", "8474", "--seed", "7"),
        *("--allow-remote", "10.0.0.1", "--allow-remote", "redis"),
    ]


def test_the_real_server_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PATH first, then in .tools/ of the working directory; None where there is none, or none that can be started."""
    monkeypatch.setattr(program, "__file__", str(tmp_path / "a/b/c/d/program.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_real_server() is None
    for folder, executable in ((".tools", False), (".tools", True), ("bin", True)):
        place = tmp_path / folder / "toxiproxy-server"
        place.parent.mkdir(exist_ok=True)
        place.touch()
        place.chmod(0o755 if executable else 0o644)
        assert find_real_server() == (str(place) if executable else None)
