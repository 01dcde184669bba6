"""One direction of one connection: source, a chain of toxic stages (most often none), sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from gatebench.execution.toxiproxy.clock import Clock
from gatebench.execution.toxiproxy.peer import Peer
from gatebench.execution.toxiproxy.stage import Stage
from gatebench.execution.toxiproxy.toxic import Toxic

Draw = Callable[[str], int]


class Link:
    """Carries the chunks of one direction. It is the surroundings of its stages.

    `draw(text)` returns 64 random bits that depend on the engine's seed, the connection and `text` alone. A toxic acts on
    this link when its draw, as a share of the range, is below its toxicity; so a victim of 10 % is a victim of 20 % too.
    """

    def __init__(self, source: Peer, sink: Peer, clock: Clock, draw: Draw, reset: Callable[[], None]) -> None:
        self.clock = clock
        self.reset = reset
        self._source = source
        self._sink = sink
        self._draw = draw
        self._stages: list[Stage] = []
        self._blocks = 0
        self._over = False
        source.on_data = sink.write
        source.on_end = self.end
        sink.on_full = self.block
        sink.on_room = self.unblock

    def apply(self, toxics: Sequence[Toxic]) -> None:
        """Let exactly `toxics` act, in this order: those that left release what they hold, changed ones too, unchanged ones go on."""
        if self._over:
            return
        acting = {toxic.name: toxic for toxic in toxics if self._is_victim(toxic)}
        for stage in [stage for stage in self._stages if stage.name not in acting]:
            stage.leave()
            stage.stop()
            if self._over:
                return
            self._connect([other for other in self._stages if other is not stage])
        standing = {stage.name: stage for stage in self._stages}
        chain = [standing.get(name) or toxic.kind.stage(name, toxic.attributes, self) for name, toxic in acting.items()]
        self._connect(chain)
        for stage in chain:
            if self._over:
                return
            if stage.name not in standing:
                stage.start()
            elif stage.attributes != acting[stage.name].attributes:
                stage.change(acting[stage.name].attributes)

    def end(self) -> None:
        """The source has ended or is gone: the end follows what is in the chain, and closes the sink."""
        if self._over:
            return
        if self._stages:
            self._stages[0].feed_eof()
        else:
            self._sink.finish()

    def stop(self) -> None:
        """The sink is gone: drop what is held and read no more."""
        if self._over:
            return
        self._over = True
        self._source.pause()
        for stage in self._stages:
            stage.stop()
        self._stages = []

    def random(self, toxic: str) -> Random:
        """Return a generator of its own for the toxic of this name."""
        return Random(self._draw(f"{toxic}\0random"))

    def block(self) -> None:
        """Read nothing until `unblock` was called as often."""
        self._blocks += 1
        self._source.pause()

    def unblock(self) -> None:
        """Read again, unless something else still blocks."""
        self._blocks -= 1
        if self._blocks == 0 and not self._over:
            self._source.resume()

    def _is_victim(self, toxic: Toxic) -> bool:
        return self._draw(toxic.name) < toxic.toxicity * 2**64

    def _connect(self, chain: list[Stage]) -> None:
        self._stages = chain
        for stage, following in zip(chain, chain[1:], strict=False):
            stage.emit = following.feed
            stage.emit_eof = following.feed_eof
        if chain:
            chain[-1].emit = self._sink.write
            chain[-1].emit_eof = self._sink.finish
        self._source.on_data = self._feed if chain else self._sink.write

    def _feed(self, chunk: bytes) -> None:
        self._stages[0].feed(chunk, self.clock.now_ns())
