"""A simulated provider that stands by itself in a container: the environment becomes the file that its process reads."""

from __future__ import annotations

import json
import os
import sys
import tempfile

PROBLEM = "GATEBENCH_ADMIN_TOKEN is not set, or has fewer than 16 characters. Set it in the environment: the control API wants it."


def main() -> None:
    """Become the process of the provider; exit code 2 when something is not set."""
    token = os.environ.pop("GATEBENCH_ADMIN_TOKEN", "")
    if len(token) < 16:
        sys.stderr.write(f"{PROBLEM}\n")
        sys.exit(2)
    config = {
        "name": os.environ["PROVIDER_NAME"],
        "host": "127.0.0.1",
        "port": int(os.environ["PROVIDER_PORT"]),
        "admin_token": token,
        "run": "00000000",  # requests of every run are foreign to it: it belongs to none
        "seed": 1,
        "stream_path": os.devnull,  # it may stand for weeks, and nobody joins what it would write down
    }
    descriptor, path = tempfile.mkstemp(suffix=".json")  # readable by its owner alone
    with os.fdopen(descriptor, "w") as file:
        json.dump(config, file)
    os.execv(sys.executable, [sys.executable, "-m", "gatebench.execution.upstream.provider", path])  # noqa: S606 - no shell on purpose


if __name__ == "__main__":
    main()
