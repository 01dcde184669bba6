"""Delays every chunk, counted from when it was received: chunks in flight overlap, and their order is kept."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from gatebench.execution.toxiproxy.stage import HoldingStage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register

_NS_PER_MS = 1_000_000


class LatencyStage(HoldingStage):
    """Holds each chunk for `latency` ms, give or take up to `jitter` ms (uniform)."""

    capacity_bytes = 32 * 1024 * 1024  # 320 MB/s at 100 ms: a delay must not become a rate limit

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._last_due_ns = 0
        self._random: Random | None = None

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Hold the chunk until its delay is over and its predecessors have left."""
        delay_ns = int(self.attributes["latency"]) * _NS_PER_MS
        jitter_ns = int(self.attributes["jitter"]) * _NS_PER_MS
        if jitter_ns:
            self._random = self._random or self.around.random(self.name)
            delay_ns = max(0, delay_ns + round(self._random.uniform(-jitter_ns, jitter_ns)))
        if delay_ns == 0 and self.holds_nothing():
            self.emit(chunk, at_ns)
            return
        self.effects.chunks_delayed += 1
        self._last_due_ns = max(at_ns + delay_ns, self._last_due_ns)
        self.hold(chunk, self._last_due_ns)

    def release(self) -> None:
        """Give everything held on; what follows does not wait for moments that are no longer kept."""
        super().release()
        self._last_due_ns = 0


register("latency", LatencyStage, Attribute("latency", "ms"), Attribute("jitter", "ms"))
