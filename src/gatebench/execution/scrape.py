"""Reads CPU, memory, descriptors and threads of every process of a run once a second, from the operating system."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

INTERVAL_S = 1.0
_SCHEMA = pa.schema(
    [("at_ns", pa.int64()), ("process", pa.string()), ("metric", pa.string()), ("value", pa.float64())],
    metadata={"gatebench.schema": "gatebench.series/1"},
)


class Scraper:
    """One thread that appends to `parts/series.jsonl`; `finish` turns what is there into series.parquet."""

    def __init__(self, part: Path, pids: Callable[[], Mapping[str, int]], interval_s: float = INTERVAL_S) -> None:
        self._part = part
        self._interval_s = interval_s
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="scraper", daemon=True)
        self._seen: dict[int, psutil.Process] = {}

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _watch(self) -> None:
        with self._part.open("a") as out:
            while not self._stop.wait(self._interval_s):
                for name, pid in dict(self._pids()).items():
                    for metric, value in self._read(pid).items():
                        out.write(json.dumps([time.monotonic_ns(), name, metric, value]) + "\n")
                out.flush()

    def _read(self, pid: int) -> dict[str, float]:
        """Return the sums over the process and its descendants; nothing when it has ended."""
        total: dict[str, float] = {}
        with contextlib.suppress(psutil.Error):
            root = self._seen.setdefault(pid, psutil.Process(pid))
            for process in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.Error), process.oneshot():
                    times = process.cpu_times()
                    for metric, value in (
                        ("cpu_s", times.user + times.system),
                        ("rss_bytes", process.memory_info().rss),
                        ("descriptors", process.num_fds()),
                        ("threads", process.num_threads()),
                    ):
                        total[metric] = total.get(metric, 0.0) + value
        return total


def assemble_series(part: Path, into: Path) -> int:
    """Write series.parquet from the lines of `part`, a torn last one left out; returns the rows."""
    rows = []
    if part.exists():
        for line in part.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    arrays = [pa.array(list(values), type=field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
    draft = into.with_suffix(".draft")
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), draft)
    draft.replace(into)
    return len(rows)
