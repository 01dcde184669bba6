"""Resets the connection with a TCP RST to both sides, some time after its first data."""

from __future__ import annotations

from collections.abc import Mapping

from gatebench.execution.toxiproxy.clock import Timer
from gatebench.execution.toxiproxy.stage import NEVER_NS, HoldingStage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, register

_NS_PER_MS = 1_000_000


class ResetPeerStage(HoldingStage):
    """Waits for the first chunk, or for the end of the stream, then `timeout` ms, then resets.

    What comes meanwhile is held: should the toxic be changed or removed before the time is over, nothing is lost.
    """

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self._fuse: Timer | None = None

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Light the fuse and keep the chunk."""
        self.hold(chunk, NEVER_NS)
        self._light(at_ns)

    def feed_eof(self) -> None:
        """Light the fuse and keep the end."""
        self._eof_held = True
        self._light(self.around.clock.now_ns())

    def release(self) -> None:
        """Put the fuse out and give everything held on."""
        self._put_out()
        super().release()

    def stop(self) -> None:
        """Put the fuse out and drop what is held."""
        self._put_out()
        super().stop()

    def _reset(self) -> None:
        self.effects.connections_reset += 1
        self.around.reset()

    def _light(self, at_ns: int) -> None:
        if self._fuse is None:
            self._fuse = self.around.clock.at(at_ns + int(self.attributes["timeout"]) * _NS_PER_MS, self._reset)

    def _put_out(self) -> None:
        if self._fuse is not None:
            self._fuse.cancel()
            self._fuse = None


register("reset_peer", ResetPeerStage, Attribute("timeout", "ms"))
