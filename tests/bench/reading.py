"""What reading a run costs a process of its own: `python -m tests.bench.reading FOLDER assemble|read|naive` prints it in JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gatebench.run.folder import RunFolder


def naive(folder: RunFolder) -> None:
    """Take the percentiles of response times by phase, as one would at first: the table as one frame, grouped."""
    import numpy as np
    import pandas as pd

    frame = pd.read_parquet(folder.samples)
    frame["response_ms"] = (frame["done_ns"] - frame["due_ns"]) / 1e6
    frame.groupby("phase", observed=True)["response_ms"].quantile(np.array([0.5, 0.95, 0.99, 0.999]))


def read(folder: RunFolder) -> None:
    """Make the summary and the report, as `bench run` does."""
    from gatebench.experiment.making import read

    read(folder)


def assemble(folder: RunFolder) -> None:
    """Make the tables from the streams."""
    from gatebench.run.assemble import assemble

    assemble(folder)


def peak_mb() -> int:
    """Return the most memory that this program had. What getrusage calls so is at least that of whoever started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024


def main(path: str, what: str) -> None:
    """Do one of them and print wall and processor seconds, and the most memory."""
    work: dict[str, Callable[[RunFolder], None]] = {"naive": naive, "read": read, "assemble": assemble}
    started = time.perf_counter()
    work[what](RunFolder(Path(path)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": peak_mb(),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
