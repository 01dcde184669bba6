"""Faults on a Toxiproxy server that somebody else runs: on proxies whose names begin with our prefix, and on no others.

Our own engine ends a toxic by itself; for the real server a process of ours outlives the command and takes it off in time:
`python -m gatebench.execution.foreign URL LINK TOXIC DEADLINE [HOST...]`, the deadline in seconds of the machine's monotonic
clock: how long the process takes to start is no part of the fault.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

import psutil

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.lever import Lever
from gatebench.execution.chaos.levers.link_down import LinkDownLever
from gatebench.execution.chaos.levers.toxic import ToxicLever
from gatebench.execution.desk_state import desk_folder
from gatebench.execution.standing import write_private
from gatebench.execution.toxiproxy.client import Engine
from gatebench.plan import PlannedFault

PREFIX: Final = "gatebench-"
_RETRY_S = 0.2
_PATIENCE_S = 10.0


def engine_at(url: str, allow_remote: Collection[str]) -> Engine:
    """Return the server at `url`, of which only our proxies are seen."""
    return Engine(url, prefix=PREFIX, allow_remote=allow_remote)


def apply(fault: PlannedFault, engine: Engine, allow_remote: Collection[str]) -> int:
    """Put a link fault on and have its end taken care of before that; returns when it had taken effect."""
    lever: Lever = (
        LinkDownLever(fault, engine) if fault.definition.mechanism == "link.down" else ToxicLever(fault, engine)
    )
    ttl_ns = fault.end_ns - fault.start_ns
    if not engine.is_embedded():
        _keep_time(fault, engine, time.monotonic() + ttl_ns / 1e9, allow_remote)
    return lever.apply(ttl_ns)


def call_off(url: str) -> None:
    """End the processes that wait to end faults on the server at `url`: there is nothing left to end."""
    for path in desk_folder().glob("timekeeper-*"):
        with contextlib.suppress(OSError, ValueError):  # it may be ending by itself, or be no mark of ours
            pid, at_url = int(path.name.rpartition("-")[2]), path.read_text()
            with contextlib.suppress(psutil.Error):
                if at_url == url and "gatebench.execution.foreign" in psutil.Process(pid).cmdline():
                    os.kill(pid, signal.SIGTERM)
            if at_url == url or not psutil.pid_exists(pid):
                path.unlink(missing_ok=True)


def _keep_time(fault: PlannedFault, engine: Engine, deadline_s: float, allow_remote: Collection[str]) -> None:
    toxic = "" if fault.definition.mechanism == "link.down" else fault.id
    command = [
        sys.executable,
        "-m",
        "gatebench.execution.foreign",
        engine.url,
        fault.on,
        toxic,
        repr(deadline_s),
        *allow_remote,
    ]
    keeper = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    with contextlib.suppress(OSError):  # who cannot be called off ends what is not there any more, which harms nobody
        write_private(_mark(keeper.pid), engine.url)


def _mark(pid: int) -> Path:
    return desk_folder() / f"timekeeper-{pid}"


def main(arguments: list[str]) -> int:
    """Wait, then end the fault; tries for a while should the server not answer."""
    url, link, toxic, deadline_s, *allowed = arguments
    time.sleep(max(0.0, float(deadline_s) - time.monotonic()))
    give_up_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < give_up_s:
        with contextlib.suppress(EnvironmentFailure):
            engine = engine_at(url, allowed)
            if toxic:
                engine.remove_toxic(link, toxic)
            else:
                engine.bring_up(link)
            break
        time.sleep(_RETRY_S)
    _mark(os.getpid()).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
