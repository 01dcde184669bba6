"""Drops chunks at random, in bursts if asked to: bytes vanish in the middle of a stream that goes on.

TCP hides the loss of packets, and a proxy stands above TCP: this is what lossy middleboxes, truncating proxies and broken
framing look like to an application, not what a bad cable does. Real servers have no such toxic.
"""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.execution.toxiproxy.stage import Stage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register


class PacketLossStage(Stage):
    """With probability `correlation` a chunk shares its predecessor's fate; else it is lost with probability `loss_rate`.

    The share of lost chunks is `loss_rate` whatever the correlation; the mean burst is 1 / ((1 - loss_rate) * (1 -
    correlation)) chunks. Two numbers are drawn for every chunk, so that a change of the rates moves no later draw.
    """

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._random = around.random(name)
        self._lost: bool | None = None

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Pass the chunk, or drop it."""
        keeps, fate = self._random.random(), self._random.random()
        if self._lost is None or keeps >= self.attributes["correlation"]:
            self._lost = fate < self.attributes["loss_rate"]
        if self._lost:
            self.effects.chunks_dropped += 1
            self.effects.bytes_dropped += len(chunk)
        else:
            self.emit(chunk, at_ns)


register(
    "packet_loss",
    PacketLossStage,
    Attribute("loss_rate", "", maximum=1, whole=False),
    Attribute("correlation", "", maximum=1, whole=False),
)
