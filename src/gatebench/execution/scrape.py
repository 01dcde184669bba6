"""Reads CPU, memory, descriptors and threads of every process of a run once a second, what the machine's host takes away of its
processors, and the page of metrics of its gateway.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil

from gatebench.execution.page import PageReader
from gatebench.run.pages import PageFile
from gatebench.run.series import MACHINE, PAGES_PART, PROCESSES_PART, STEAL

INTERVAL_S: Final = 1.0
_PAGE_SHARE: Final = 0.8
"""A page has this share of the interval to come, so that processes are read in time whatever it does."""


class Scraper:
    """One thread that appends to the parts of series.parquet in `parts`: processes to one, the gateway's page to another."""

    def __init__(self, parts: Path, pids: Callable[[], Mapping[str, int]], interval_s: float = INTERVAL_S) -> None:
        self._parts = parts
        self._interval_s = interval_s
        self._pids = pids
        self._page: PageReader | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="scraper", daemon=True)
        self._seen: dict[int, psutil.Process] = {}

    def start(self, page: PageReader | None = None) -> None:
        """Begin to read; `page` is asked too, if there is one."""
        self._page = page
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _watch(self) -> None:
        due_s = time.monotonic() + self._interval_s
        with contextlib.ExitStack() as files:
            out = files.enter_context((self._parts / PROCESSES_PART).open("a"))
            pages = PageFile(files.enter_context((self._parts / PAGES_PART).open("ab"))) if self._page else None
            while not self._stop.wait(max(0.0, due_s - time.monotonic())):
                due_s += self._interval_s
                if (
                    due_s < time.monotonic()
                ):  # the machine was busy: what was missed stays missed, and readings stay apart
                    due_s = time.monotonic() + self._interval_s
                for name, pid in dict(self._pids()).items():
                    for metric, value in self._read(pid).items():
                        out.write(json.dumps([time.monotonic_ns(), name, metric, value]) + "\n")
                stolen_s = getattr(psutil.cpu_times(), "steal", None)  # only a virtual machine of Linux has it
                if stolen_s is not None:
                    out.write(json.dumps([time.monotonic_ns(), MACHINE, STEAL, stolen_s]) + "\n")
                out.flush()
                if pages is not None and self._page is not None:
                    pages.add(self._page.read(self._interval_s * _PAGE_SHARE))

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
