"""A response parser that reads headers too: for answers whose stamp stands in one, or whose content coding matters.

Most answers carry their stamp in the body, and a parser that looks at every header costs a few microseconds an answer.
"""

from __future__ import annotations

from typing import Final

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.reply import Reply

_STAMP: Final = "x-gatebench-stamp"
_CODING: Final = "content-encoding"


class HeadedReply(Reply):
    """Keeps the two headers that anybody here wants."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = {_STAMP: "", _CODING: ""}
        self._field = ""
        self._in_value = False

    def expect(self, *, stream: bool, bodiless: bool = False) -> None:
        """Make ready for the response to the request that is about to be sent."""
        super().expect(stream=stream, bodiless=bodiless)
        self._wanted = {_STAMP: "", _CODING: ""}
        self._field = ""

    @property
    def coding(self) -> str:
        """The content coding, in lower case; empty when there is none."""
        return self._wanted[_CODING].strip().lower()

    def note(self, answer: Answer) -> None:
        """Write what was understood so far into `answer`."""
        super().note(answer)
        answer.stamp_header = self._wanted[_STAMP].encode("latin-1", "replace")

    def _on_header_field(self, name: str) -> None:
        # Names and values come in pieces where a read ends within them.
        self._field = name.lower() if self._in_value else self._field + name.lower()
        self._in_value = False

    def _on_header_value(self, value: str) -> None:
        self._in_value = True
        if self._field in self._wanted:
            self._wanted[self._field] += value
