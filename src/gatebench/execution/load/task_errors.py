"""Counts what the user's own code raised, so that a run can say which task, what and where."""

from __future__ import annotations

import traceback
from typing import Any


class TaskErrors:
    """Exceptions by task, kind and line; the first traceback of each is kept. `found` is what the worker's facts hold."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._counts: dict[tuple[str, str, str], int] = {}
        self._texts: dict[tuple[str, str, str], tuple[str, str]] = {}

    def add(self, task: str, error: BaseException) -> None:
        """Count one exception of `task`."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == self._file] or list(frames)
        place = f"{own[-1].filename.rpartition('/')[2]}:{own[-1].lineno}" if own else ""
        key = (task, type(error).__name__, place)
        self._counts[key] = self._counts.get(key, 0) + 1
        if key not in self._texts:
            self._texts[key] = (str(error)[:300], "".join(traceback.format_exception(error))[-4000:])

    def found(self) -> list[dict[str, Any]]:
        """Return each kind of exception with how often it came, the most frequent first."""
        return [
            {
                "task": task,
                "error": kind,
                "message": self._texts[task, kind, place][0],
                "place": place,
                "count": count,
                "traceback": self._texts[task, kind, place][1],
            }
            for (task, kind, place), count in sorted(self._counts.items(), key=lambda entry: -entry[1])
        ]
