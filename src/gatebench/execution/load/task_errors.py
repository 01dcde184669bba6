"""What the user's own code raised: each kind of exception once, with how often, where, and its first traceback."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

_MOST_KINDS: Final = 20
_LONGEST: Final = 300
_TRACEBACK_LINES: Final = 30


@dataclass
class Raised:
    """One kind: the task, the exception in words, the line of the user's file, and the first traceback."""

    task: str
    exception: str
    where: str
    count: int
    traceback: str


class TaskErrors:
    """Counts exceptions of the code in `files`. Beyond 20 kinds, further ones are counted together."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = {str(file.resolve()) for file in files}
        self._kinds: dict[tuple[str, str, str], Raised] = {}

    def count(self, task: str, error: BaseException) -> None:
        """Count one more exception of a task."""
        where = self._where(error)
        exception = _words(error)
        key = (task, type(error).__name__, where)  # not by its text, which may hold a number of its own each time
        if key not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            key, task, exception, where = ("", "", ""), "other tasks", "other exceptions", "elsewhere"
        raised = self._kinds.get(key)
        if raised is None:
            lines = "".join(traceback.format_exception(error)).splitlines()[-_TRACEBACK_LINES:]
            raised = self._kinds[key] = Raised(task, exception, where, 0, "\n".join(lines))
        raised.count += 1

    def facts(self) -> list[dict[str, Any]]:
        """Return what was counted, the most frequent first."""
        return [asdict(raised) for raised in sorted(self._kinds.values(), key=lambda raised: -raised.count)]

    def _where(self, error: BaseException) -> str:
        """Return file:line of the last line of the user's own code that was on the way, or of the last line of all."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename in self._files]
        last = (own or list(frames))[-1:]
        return f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "nowhere"


def _words(error: BaseException) -> str:
    text = traceback.format_exception_only(error)[-1].strip()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
