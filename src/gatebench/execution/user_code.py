"""Finds out what a user's own file holds, in a process of its own, and says what is wrong with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gatebench.errors import Problem
from gatebench.execution.asking import Problems
from gatebench.traffic import Route, Traffic

_PATIENCE_S = 30.0
_DESCRIBE = "gatebench.execution.load.describe"


def describe(path: Path, wanted: str | None, problems: Problems) -> dict[str, Any] | None:
    """Return what the file holds (see `load/describe.py`), or None and why that cannot be known."""
    command = [sys.executable, "-m", _DESCRIBE, str(path), *([wanted] if wanted else [])]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        what = f"did not come to its end within {_PATIENCE_S:g} s when it was imported."
        problems.append(Problem(path.name, what, "Do the work in a task or in on_start, not at the file's top."))
        return None
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        problems.append(
            Problem(path.name, f"ended the process that imported it; its last words: {last}.", "Correct it.")
        )
        return None
    if "error" in found:
        where = path.name + (f":{found['line']}" if found["line"] else "")
        what = f"raises {found['error']} when it is imported: {found['message']}."
        problems.append(Problem(where, what, "Correct the file; nothing was started."))
        return None
    return found


def with_tasks(traffic: Traffic, folders: tuple[Path, ...], where: str, problems: Problems) -> Traffic:
    """Return traffic whose routes are the tasks of its user code; its path is absolute then."""
    if traffic.code is None:
        return traffic
    name, _, wanted = traffic.code.partition(":")
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        looked = " and ".join(dict.fromkeys(str((folder / name).parent) for folder in folders))
        problems.say(where, f'the user code "{name}" is not there; looked in {looked}.', "Correct the name.")
        return traffic
    found = describe(path.resolve(), wanted or None, problems)
    if found is None:
        return traffic
    _unfit(found, path.name, wanted, problems)
    if not found["tasks"]:
        return traffic
    routes = tuple(Route(kind="task", name=task["name"], weight=task["weight"]) for task in found["tasks"])
    return traffic.model_copy(update={"routes": routes, "code": ":".join(filter(None, (str(path.resolve()), wanted)))})


def _unfit(found: dict[str, Any], name: str, wanted: str, problems: Problems) -> None:
    """Say why no arrival could run a task of the file."""
    ours = found["gateway_users"]
    for user, sets in found["nested"].items():
        problems.append(
            Problem(
                name,
                f"{user} has the task set {', '.join(sets)}, which loops by itself, but an arrival runs one task.",
                f"Make its tasks methods of {user}, or run the file as it is: bench run {name} --target …",
            )
        )
    if wanted and wanted not in ours:
        known = ", ".join(ours) or "none"
        problems.append(Problem(name, f"holds no GatewayUser class {wanted}.", f"Its classes are: {known}."))
    elif not ours:
        locusts = ", ".join(found["locust_users"])
        what = f"holds no GatewayUser class{f', but {locusts}' if locusts else ''}."
        cure = "Base it on gatebench.locust.GatewayUser (docs/locust.md)"
        cure += f", or run it as it is: bench run {name} --target …" if locusts else "."
        problems.append(Problem(name, what, cure))
    elif not found["nested"] and not found["tasks"]:
        problems.append(Problem(name, "has no task at all.", "Mark at least one method with @task."))
