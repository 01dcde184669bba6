"""Says what a locustfile holds: `python -m gatebench.execution.load.describe FILE [CLASS]`, one JSON object on stdout.

A process of its own, because importing a locustfile runs it and patches sockets.
"""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from typing import Any

from gatebench.execution.load.gateway_user import GatewayUser
from gatebench.execution.load.user_tasks import loaded, nested, tasks_of


def main(arguments: list[str]) -> None:
    """Print classes, tasks and shape of the file, or what it raised while it was imported."""
    file, wanted = arguments[0], (arguments[1] if len(arguments) > 1 else None)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            classes, shapes = loaded(file)
            found = describe(classes, shapes, wanted)
    except BaseException as error:  # SystemExit too: whatever the file does on import is its author's
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
        found = {
            "error": type(error).__name__,
            "message": str(error)[:500],
            "line": line or (frames[-1].lineno if frames else None),
        }
    sys.stdout.write(json.dumps(found) + "\n")


def describe(classes: dict[str, Any], shapes: list[Any], wanted: str | None) -> dict[str, Any]:
    """Return the facts of a file that was imported."""
    ours = {name: user for name, user in classes.items() if issubclass(user, GatewayUser)}
    return {
        "gateway_users": sorted(ours),
        "locust_users": sorted(set(classes) - set(ours)),
        "without_tasks": sorted(name for name, user in classes.items() if not user.tasks),
        "nested": {name: found for name, user in ours.items() if (found := nested(user))},
        "tasks": []
        if any(nested(user) for user in ours.values())
        else [{"name": task.name, "weight": task.weight} for task in tasks_of(classes, wanted)],
        "shapes": [type(shape).__name__ for shape in shapes],
    }


if __name__ == "__main__":
    main(sys.argv[1:])
