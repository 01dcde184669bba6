"""Delays the end of the stream; data pass untouched."""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.execution.toxiproxy.clock import Timer
from gatebench.execution.toxiproxy.stage import Stage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register

_NS_PER_MS = 1_000_000


class SlowCloseStage(Stage):
    """Passes the end on `delay` ms after it came; a change starts the wait anew, removal ends it."""

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._waiting: Timer | None = None

    def feed_eof(self) -> None:
        """Begin to wait."""
        if self._waiting is None:
            self.effects.closes_delayed += 1
            self._wait()

    def change(self, attributes: Mapping[str, float]) -> None:
        """Wait for the new time, from now."""
        self.attributes = attributes
        if self._waiting is not None:
            self._waiting.cancel()
            self._wait()

    def release(self) -> None:
        """Pass the end on at once, if it came."""
        if self._waiting is not None:
            self.stop()
            self.emit_eof()

    def stop(self) -> None:
        """Wait no longer."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _wait(self) -> None:
        clock = self.around.clock
        self._waiting = clock.at(clock.now_ns() + int(self.attributes["delay"]) * _NS_PER_MS, self.release)


register("slow_close", SlowCloseStage, Attribute("delay", "ms"))
