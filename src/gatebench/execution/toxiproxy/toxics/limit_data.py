"""Closes the connection when so many bytes have passed."""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.execution.toxiproxy.stage import Stage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register


class LimitDataStage(Stage):
    """Passes exactly `bytes` bytes, then ends the stream, also when the last chunk fits exactly.

    The count belongs to the connection and outlives updates: a higher limit lets the difference through.
    """

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._passed_bytes = 0
        self._ended = False

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Pass what is left of the limit; reaching it is the end."""
        if self._ended:
            return
        left_bytes = max(0, int(self.attributes["bytes"]) - self._passed_bytes)
        passed = chunk[:left_bytes]
        self._passed_bytes += len(passed)
        if passed:
            self.emit(passed, at_ns)
        if len(chunk) >= left_bytes:
            self.effects.bytes_dropped += len(chunk) - len(passed)
            self.effects.connections_closed += 1
            self.feed_eof()

    def feed_eof(self) -> None:
        """Pass the end on, once: that of the source, or the limit's own."""
        if not self._ended:
            self._ended = True
            self.emit_eof()


register("limit_data", LimitDataStage, Attribute("bytes", "B"))
