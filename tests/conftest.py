"""Lets tests import what they share by its full name (`from tests.factory import make_run`)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
