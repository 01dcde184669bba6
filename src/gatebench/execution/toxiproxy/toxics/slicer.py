"""Cuts chunks into small pieces, with a pause behind each: what arrives in one read elsewhere arrives in many here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from gatebench.execution.toxiproxy.stage import HoldingStage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register

_NS_PER_US = 1_000


class SlicerStage(HoldingStage):
    """Halves a chunk, give or take `size_variation` bytes, until no piece exceeds `average_size` by more than that.

    One chunk is on its way at a time (the source waits), and each piece is followed by `delay` µs of silence.
    """

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._free_ns = 0  # when the pause behind the last piece is over
        self._random: Random | None = None

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Hold the pieces for their moments."""
        pause_ns = int(self.attributes["delay"]) * _NS_PER_US
        due_ns = max(at_ns, self._free_ns)
        if len(chunk) > self.attributes["average_size"] + self.attributes["size_variation"]:
            self.effects.chunks_sliced += 1
        for piece in self._pieces(chunk):
            self.hold(piece, due_ns)
            due_ns += pause_ns
        self._free_ns = due_ns

    def release(self) -> None:
        """Give what is left on in one piece."""
        self._cancel()
        self._free_ns = 0
        rest = []
        while self._held:
            rest.append(self._take()[1])
        if rest:
            self.emit(b"".join(rest), self.around.clock.now_ns())
        self._end_if_held()

    def _pieces(self, chunk: bytes) -> Iterator[bytes]:
        variation = int(self.attributes["size_variation"])
        largest = int(self.attributes["average_size"]) + variation
        spans = [(0, len(chunk))]
        while spans:
            start, end = spans.pop()
            if end - start <= largest:
                yield chunk[start:end]
                continue
            middle = start + (end - start) // 2
            if variation:
                self._random = self._random or self.around.random(self.name)
                middle += self._random.randrange(-variation, variation)
            middle = min(max(middle, start + 1), end - 1)  # a variation beyond the size must not leave the chunk
            spans.append((middle, end))
            spans.append((start, middle))


register(
    "slicer",
    SlicerStage,
    Attribute("average_size", "B", minimum=1),
    Attribute("size_variation", "B"),
    Attribute("delay", "µs"),
)
