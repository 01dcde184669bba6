"""Limits the rate: a chunk leaves when it would have gone over a line of `rate` KB/s (1 KB is 1000 bytes)."""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.execution.toxiproxy.stage import NEVER_NS, HoldingStage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register

_NS_PER_MS = 1_000_000
_SLICE_MS = 100
_AHEAD_MS = 10


class BandwidthStage(HoldingStage):
    """Sends long chunks in slices of 100 ms; how late one left is taken off the next, so that the rate is met.

    A rate of 0 passes nothing until the toxic is changed or removed.
    """

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._free_ns = 0  # when the line has sent everything so far
        self._set_capacity()

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Hold the chunk, slice by slice, for as long as the line needs for it."""
        self.effects.chunks_delayed += 1
        bytes_per_ms = int(self.attributes["rate"])
        if bytes_per_ms == 0:
            self.hold(chunk, NEVER_NS)
            return
        due_ns = max(self._free_ns, at_ns - self.late_ns)
        self.late_ns = 0
        slice_bytes = bytes_per_ms * _SLICE_MS
        for start in range(0, len(chunk), slice_bytes):
            piece = chunk[start : start + slice_bytes]
            due_ns += len(piece) * _NS_PER_MS // bytes_per_ms
            self.hold(piece, due_ns)
        self._free_ns = due_ns

    def change(self, attributes: Mapping[str, float]) -> None:
        """Release what is held and go on at the new rate."""
        super().change(attributes)
        self._free_ns = 0
        self._set_capacity()

    def _set_capacity(self) -> None:
        """Take little from the source ahead of time, so that the sender feels the rate; a fast line needs some milliseconds' worth."""
        self.capacity_bytes = int(self.attributes["rate"]) * _AHEAD_MS


register("bandwidth", BandwidthStage, Attribute("rate", "KB/s"))
