"""One direction of one connection: source, a chain of toxic stages (most often none), sink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from gatebench.execution.toxiproxy.clock import Clock
from gatebench.execution.toxiproxy.effects import Effects
from gatebench.execution.toxiproxy.peer import Peer
from gatebench.execution.toxiproxy.stage import Stage
from gatebench.execution.toxiproxy.toxic import Toxic

Draw = Callable[[str], int]
_DRAWS = 2**64
_MOST_DRAWN = 32


class Link:
    """Carries the chunks of one direction, and is the surroundings of its stages.

    `draw(text)` returns 64 random bits that depend on the engine's seed, the connection and `text` alone. A toxic acts on
    this link when its draw, as a share of the range, is below its toxicity: a victim at 10 % is a victim at 20 % too.
    """

    def __init__(self, source: Peer, sink: Peer, clock: Clock, draw: Draw, reset: Callable[[], None]) -> None:
        self.clock = clock
        self.reset = reset
        self._source = source
        self._sink = sink
        self._draw = draw
        self._applied: Sequence[Toxic] = ()
        self._drawn: dict[str, int] = {}
        self._toxics: dict[str, Toxic] = {}
        self._stages: list[Stage] = []
        self._blocks = 0
        self._over = False
        source.on_data = sink.write
        source.on_end = self.end
        sink.on_full = self.block
        sink.on_room = self.unblock

    def apply(self, toxics: Sequence[Toxic]) -> None:
        """Let exactly `toxics` act, in this order, from now on.

        Those that are gone or changed release what they hold; the others do not notice.
        """
        if self._over or toxics == self._applied:
            return
        self._applied = toxics
        if len(self._drawn) > _MOST_DRAWN:
            self._drawn.clear()
        self._toxics = {toxic.name: toxic for toxic in toxics}
        acting = {toxic.name: toxic for toxic in toxics if self._is_victim(toxic)}
        for gone in [stage for stage in self._stages if stage.name not in acting]:
            gone.leave()
            gone.stop()
            self._connect([stage for stage in self._stages if stage is not gone])
        if self._over:
            return  # what was released met a sink that is gone
        standing = {stage.name: stage for stage in self._stages}
        self._connect(
            [standing.get(name) or toxic.kind.stage(name, toxic.attributes, self) for name, toxic in acting.items()]
        )
        for stage in self._stages:
            if stage.name not in standing:
                stage.effects.connections_hit += 1
                stage.start()
            elif stage.attributes != acting[stage.name].attributes:
                stage.change(acting[stage.name].attributes)

    def end(self) -> None:
        """Let the end of the stream follow what is in the chain; it closes the sink."""
        if self._over:
            return
        if self._stages:
            self._stages[0].feed_eof()
        else:
            self._sink.finish()

    def stop(self) -> None:
        """Drop what is held and read no more: the sink is gone."""
        if self._over:
            return
        self._over = True
        self._source.hang_up()
        for stage in self._stages:
            stage.stop()

    def random(self, toxic: str) -> Random:
        """Return a generator of its own for the toxic of this name."""
        return Random(self._draw(f"{self._toxics[toxic].draw_key}\0values"))

    def effects(self, toxic: str) -> Effects:
        """Return the counts of the toxic of this name."""
        return self._toxics[toxic].effects

    def block(self) -> None:
        """Read nothing until `unblock` was called as often."""
        self._blocks += 1
        self._source.pause()

    def unblock(self) -> None:
        """Read again, unless something else still blocks."""
        self._blocks -= 1
        if self._blocks == 0:
            self._source.resume()

    def _is_victim(self, toxic: Toxic) -> bool:
        if toxic.toxicity >= 1.0:
            return True
        drawn = self._drawn.get(toxic.draw_key)
        if drawn is None:
            drawn = self._drawn[toxic.draw_key] = self._draw(toxic.draw_key)
        return drawn < toxic.toxicity * _DRAWS

    def _connect(self, chain: list[Stage]) -> None:
        self._stages = chain
        for place, stage in enumerate(chain):
            following = chain[place + 1] if place + 1 < len(chain) else None
            stage.emit = following.feed if following else self._sink.write
            stage.emit_eof = partial(self._pass_end, stage, following.feed_eof if following else self._sink.finish)
        self._source.on_data = self._feed if chain else self._sink.write

    def _pass_end(self, stage: Stage, pass_on: Callable[[], None]) -> None:
        """Pass the end on behind `stage`; should a toxic have made it, nothing that comes before may follow."""
        self._source.hang_up()
        for earlier in self._stages:
            if earlier is stage:
                break
            earlier.stop()
        pass_on()

    def _feed(self, chunk: bytes) -> None:
        self._stages[0].feed(chunk, self.clock.now_ns())
