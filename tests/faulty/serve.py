"""Starts the reference gateway with one fault: `python serve.py NAME --config gateway.json`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    """Spoil the gateway, then be it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    name = sys.argv.pop(1)
    if name != "correct":
        importlib.import_module(f"tests.faulty.gateways.{name.replace('-', '_')}").spoil()
    gateway = importlib.import_module("targets.reference.refgate.__main__")
    return int(gateway.main())


if __name__ == "__main__":
    sys.exit(main())
