"""Memory that columns are given back to stays with the process that reads a long run, and with no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
import numpy as np, pyarrow as pa
from gatebench.analysis.memory import keep_memory

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 // 1_000_000

if sys.argv[1] == "keeps":
    keep_memory()
    keep_memory()
before = resident_mb()
column = np.ones(10_000_000)
del column
print(resident_mb() - before, pa.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_what_columns_are_given_back_to_is_kept() -> None:
    """Eighty megabytes stay, where they would have gone back to the kernel."""
    kept, usual = (
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, what], capture_output=True, text=True, check=True, timeout=60
        ).stdout.split()
        for what in ("keeps", "usual")
    )
    assert int(kept[0]) >= 75
    assert int(usual[0]) <= 5
    assert kept[1] == "system"
