"""Describes a file of user code as JSON: `python -m gatebench.execution.load.describe FILE [ALLOWED_HOST...]`.

A process of its own, because importing such a file imports Locust, may do anything, and may never return. It ends
itself after a minute and with its parent.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, Final

LONGEST_S: Final = 60
_PR_SET_PDEATHSIG: Final = 1  # Linux, include/uapi/linux/prctl.h


def main(arguments: list[str]) -> int:
    """Print the description, or what the file raised; returns the exit code."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.alarm(LONGEST_S)
    from gatebench.execution.load.sandbox import guard_sockets, keep_stdout
    from gatebench.execution.load.user_file import read_user_file

    ours = keep_stdout()
    path = Path(arguments[0])
    guard_sockets(arguments[1:])
    try:
        found = read_user_file(path)
        said: dict[str, Any] = {
            "digest": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}",
            "users": [_user(user) for user in found.users.values()],
            "shapes": [type(shape).__name__ for shape in found.shapes],
        }
    except (Exception, SystemExit) as error:
        said = {"error": _raised(error, path.resolve())}
    os.write(ours, json.dumps(said).encode())
    return 0


def _user(user_class: Any) -> dict[str, Any]:
    from locust import User

    from gatebench.execution.load.user_file import kind_of, problems_of, tasks_of

    kind = kind_of(user_class)
    gateway = kind == "gateway"
    return {
        "name": user_class.__name__,
        "kind": kind,
        "weight": user_class.weight,
        "host": user_class.host,
        "on_stop": user_class.on_stop is not User.on_stop,
        "problems": problems_of(user_class) if gateway else [],
        "tasks": [{"name": task.name, "weight": task.weight} for task in tasks_of(user_class)] if gateway else [],
    }


def _raised(error: BaseException, path: Path) -> dict[str, Any]:
    """Return what was raised, and the last line of the file that was on the way."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    line = frames[-1].lineno if frames else None
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == path:
        line = error.lineno
    text = traceback.format_exception_only(error)[-1].strip()
    return {"line": line, "exception": text, "syntax": isinstance(error, SyntaxError)}


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # threads of the user's code need not let us go
