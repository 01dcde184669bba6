"""Faults on a Toxiproxy server that somebody else runs: on proxies whose names begin with our prefix, and on no others.

Our own engine ends a toxic by itself; for the real server a process of ours outlives the command and takes it off in time:
`python -m gatebench.execution.foreign URL LINK TOXIC [HOST...]` says that it is ready, and is then told the deadline, in seconds of
the machine's monotonic clock. Before it is ready there is no fault.
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
from typing import IO, Final, cast

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
        _keep_time(fault, engine, ttl_ns / 1e9, allow_remote)
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


def _keep_time(fault: PlannedFault, engine: Engine, ttl_s: float, allow_remote: Collection[str]) -> None:
    toxic = "" if fault.definition.mechanism == "link.down" else fault.id
    command = [sys.executable, "-m", "gatebench.execution.foreign", engine.url, fault.on, toxic, *allow_remote]
    keeper = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    with cast("IO[bytes]", keeper.stdin) as tell, cast("IO[bytes]", keeper.stdout) as hear:
        if not hear.readline():
            raise EnvironmentFailure(
                "The process that would take the fault off in time did not start. Nothing was put on."
            )
        # Without its mark it cannot be called off, and ends what is not there any more, which harms nobody.
        with contextlib.suppress(OSError):
            write_private(_mark(keeper.pid), engine.url)
        tell.write(b"%r\n" % (time.monotonic() + ttl_s))


def _mark(pid: int) -> Path:
    return desk_folder() / f"timekeeper-{pid}"


def main(arguments: list[str]) -> int:
    """Wait, then end the fault; tries for a while should the server not answer. Whoever is never told a deadline has no fault to end."""
    url, link, toxic, *allowed = arguments
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    told = sys.stdin.readline()
    if not told:
        return 0
    time.sleep(max(0.0, float(told) - time.monotonic()))
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
