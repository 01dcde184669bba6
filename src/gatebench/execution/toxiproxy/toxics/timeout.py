"""Lets nothing through, and closes the connection when nothing has come for a while."""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.execution.toxiproxy.clock import Timer
from gatebench.execution.toxiproxy.stage import Stage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register

_NS_PER_MS = 1_000_000


class TimeoutStage(Stage):
    """Drops data; ends the stream `timeout` ms after the last chunk (0: never), or when the toxic is removed.

    A connection that has lost bytes cannot go on without the toxic: its removal ends it.
    """

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._quiet_since_ns = 0
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to wait for silence."""
        self._quiet_since_ns = self.around.clock.now_ns()
        self._wait()

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Drop the chunk; the silence begins anew."""
        self._quiet_since_ns = self.around.clock.now_ns()
        self.effects.chunks_dropped += 1
        self.effects.bytes_dropped += len(chunk)

    def feed_eof(self) -> None:
        """End the stream: the other side learns that its peer is gone."""
        self.stop()
        self.emit_eof()

    def change(self, attributes: Mapping[str, float]) -> None:
        """Wait for the new time, from now."""
        self.stop()
        super().change(attributes)
        self.start()

    def leave(self) -> None:
        """End the stream."""
        self.effects.connections_closed += 1
        self.feed_eof()

    def stop(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self.attributes["timeout"] > 0:
            due_ns = self._quiet_since_ns + int(self.attributes["timeout"]) * _NS_PER_MS
            self._timer = self.around.clock.at(due_ns, self._look)

    def _look(self) -> None:
        waited_ns = self.around.clock.now_ns() - self._quiet_since_ns
        if waited_ns >= self.attributes["timeout"] * _NS_PER_MS:
            self.effects.connections_closed += 1
            self.feed_eof()
        else:
            self._wait()


register("timeout", TimeoutStage, Attribute("timeout", "ms"))
