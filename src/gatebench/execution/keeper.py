"""Keeps a topology standing: `python -m gatebench.execution.keeper PLAN.json NAME UNTIL`, a process of its own session.

It says on stdout how starting went, one JSON line, and then stands until SIGTERM, until its time is over, or until its
guardian is gone. Should it be killed, the guardian ends everything it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psutil

from gatebench.errors import GatebenchError
from gatebench.execution.chaos.injector import Injector
from gatebench.execution.desk import Desk, DeskServer, desk_state
from gatebench.execution.standing import Standing, forget, state_folder, write
from gatebench.execution.switchboard import switch
from gatebench.execution.topology.supervisor import Supervisor
from gatebench.execution.topology.topology import Topology
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder

_LOOK_S = 0.5


def main(arguments: list[str]) -> int:
    """Start, say so, stand, take down; returns an exit code."""
    plan = Plan.model_validate_json(Path(arguments[0]).read_text())
    name, until = arguments[1], float(arguments[2]) or None
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal may close
    said = False
    try:
        with Supervisor(plan.token) as supervisor:
            folder = RunFolder.create(state_folder() / "folders", plan)
            topology = Topology(plan, folder, supervisor)
            try:
                topology.start()
                topology.wait_ready()
                write(_state(plan, name, until, folder, topology))
                with _desk(plan, name, folder, topology, supervisor) as injector:
                    said = _say({"ready": True})
                    while not over.wait(_LOOK_S) and supervisor.is_guarded and not (until and time.time() > until):
                        pass
                    injector.stop()
            finally:
                forget(name)
                topology.stop()
    except GatebenchError as error:
        if not said:
            _say({"error": str(error), "log": list(getattr(error, "log_tail", ()))})
        return error.exit_code
    except Exception:
        if not said:
            _say({"error": traceback.format_exc(limit=3), "log": []})
        raise
    return 0


@contextlib.contextmanager
def _desk(plan: Plan, name: str, folder: RunFolder, topology: Topology, supervisor: Supervisor) -> Iterator[Injector]:
    """Let faults be asked for while the topology stands; what is done is in its folder's events.jsonl."""
    injector = Injector([], folder.event)
    t0_ns = folder.event("topology.ready")
    desk = Desk(plan, injector, folder.event, lambda fault: switch(fault, plan, topology, supervisor), t0_ns=t0_ns)
    with DeskServer(desk, desk_state(plan, topology, folder, kind="up", name=name)):
        yield injector


def _state(plan: Plan, name: str, until: float | None, folder: RunFolder, topology: Topology) -> Standing:
    me = psutil.Process()
    return Standing(
        name=name,
        keeper_pid=me.pid,
        keeper_started=me.create_time(),
        since_unix=time.time(),
        until_unix=until,
        folder=str(folder.path.resolve()),
        plan=plan,
        links={link: str(place) for link, place in topology.links.items()},
        providers={provider: str(place) for provider, place in topology.providers.items()},
        gateway=str(topology.gateway) if topology.gateway else None,
        engine_url=topology.engine.url if topology.engine else "",
        admin_token=topology.admin_token,
        processes={process: child.pid for process, child in topology.processes.items()},
        version=topology.version,
        config_digest=topology.config_digest,
        entrance=topology.entrance(),
    )


def _say(message: dict[str, object]) -> bool:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever started us may be gone from now on
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
