"""Starts the gateway: `python -m refgate --config gateway.json`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from .app import serve
from .config import ConfigError, load_config
from .log import write_to_stderr

try:
    import uvloop
except ImportError:  # uvloop exists for CPython on Unix alone; without it everything works, at about half the speed
    uvloop = None


def main() -> int:
    """Serve until asked to end; return the exit code: 0, or 2 for a configuration that cannot be used."""
    parser = argparse.ArgumentParser(prog="refgate", description="A small OpenAI-compatible gateway.")
    parser.add_argument("--config", type=Path, required=True, help="the JSON file that says everything")
    options = parser.parse_args()
    write_to_stderr()
    try:
        config = load_config(options.config)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
            runner.run(serve(config))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
