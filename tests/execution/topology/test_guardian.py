"""The guardian says things in the order in which they can be relied on."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from gatebench.execution.topology.guardian import Guardian


@pytest.mark.parametrize("operation", ["stop", "kill"])
def test_that_a_process_exited_is_said_before_that_it_was_stopped(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one that is a zombie and cannot be reaped yet, because a thread of it has still to end: whoever wants to
    start it again once it was stopped would take it for running.
    """
    ours, theirs = socket.socketpair()
    guardian = Guardian(theirs)
    request = {
        "re": 1,
        "argv": ["sleep", "60"],
        "env": dict(os.environ),
        "cwd": None,
        "log": str(tmp_path / "log"),
        "fds": 0,
    }
    guardian._obey({"op": "start", **request})
    (pid,) = guardian._children
    reap, asked = guardian._reap, 0

    def too_early() -> None:
        """Reap nobody, though it is a zombie, at the first five times."""
        nonlocal asked
        asked += 1
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.001)
        if asked == 5:
            monkeypatch.setattr(guardian, "_reap", reap)

    monkeypatch.setattr(guardian, "_reap", too_early)
    guardian._obey({"op": operation, "re": 2, "pids": [pid], "grace_s": 5.0})
    said = [json.loads(line) for line in ours.recv(65_536).splitlines()]
    ours.close()
    theirs.close()
    assert [next(key for key in notice if key != "re") for notice in said] == [
        "pid",
        "exited",
        f"{operation}ped" if operation == "stop" else "killed",
    ]
