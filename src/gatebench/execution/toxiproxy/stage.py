"""A toxic at work on one direction of one connection: chunks come in, and leave changed, later, or never.

Everything happens in one event loop, so a toxic is added, changed and removed between two chunks, never within one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from gatebench.execution.toxiproxy.clock import Clock, Timer
from gatebench.execution.toxiproxy.effects import Effects

NEVER_NS = 2**62
_CHUNKS_AT_ONCE = 256  # then others have their turn: a flood of tiny pieces must not hold up the loop
_CHUNK_COST_BYTES = 128  # what a held chunk costs beyond its bytes: a flood of tiny chunks is bounded too


class Surroundings(Protocol):
    """What a stage may use of the link it stands in."""

    @property
    def clock(self) -> Clock:
        """The engine's clock."""

    def random(self, toxic: str) -> Random:
        """Return a generator seeded by the engine's seed, the connection and the toxic's name."""

    def effects(self, toxic: str) -> Effects:
        """Return the counts of what the toxic of this name does."""

    def block(self) -> None:
        """Take no more from the source until as many calls of `unblock` have followed."""

    def unblock(self) -> None:
        """Take from the source again."""

    def reset(self) -> None:
        """End the connection at once with a RST to both sides."""


def _nowhere(_chunk: bytes, _at_ns: int) -> None:
    """Stand in for the next stage until the link connects one."""


def _no_end() -> None:
    """Stand in for the next stage's end until the link connects one."""


class Stage:
    """Passes everything on; a toxic overrides what it changes.

    `emit(chunk, at_ns)` and `emit_eof()` lead to the next stage, or out. `at_ns` is the moment at which the chunk is due
    at this point of the chain: its receive time plus the delays so far, so that a late timer does not add up.
    """

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        self.name = name
        self.attributes = attributes
        self.around = around
        self.effects = around.effects(name)
        self.emit: Callable[[bytes, int], None] = _nowhere
        self.emit_eof: Callable[[], None] = _no_end

    def start(self) -> None:
        """Begin: the stage is connected."""

    def feed(self, chunk: bytes, at_ns: int) -> None:
        """Take a chunk."""
        self.emit(chunk, at_ns)

    def feed_eof(self) -> None:
        """Take the end of the stream; nothing follows it."""
        self.emit_eof()

    def release(self) -> None:
        """Give everything held on, in order, at once."""

    def change(self, attributes: Mapping[str, float]) -> None:
        """Go on with other attributes; what was held under the old ones is released."""
        self.release()
        self.attributes = attributes

    def leave(self) -> None:
        """The toxic is removed from this connection, which goes on without it."""
        self.release()

    def stop(self) -> None:
        """The connection is over: drop what is held, cancel every timer."""


class HoldingStage(Stage):
    """Keeps chunks until they are due, in order; the end of the stream waits behind them.

    Holding more than `capacity_bytes` blocks the source until half of it is gone: back-pressure.
    """

    capacity_bytes = 0

    def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
        super().__init__(name, attributes, around)
        self.late_ns = 0  # how late the last chunk left
        self._held: deque[tuple[int, bytes]] = deque()
        self._held_bytes = 0
        self._eof_held = False
        self._blocking = False
        self._timer: Timer | None = None

    def hold(self, chunk: bytes, due_ns: int) -> None:
        """Keep `chunk` until `due_ns`, which is not before what was held last; NEVER_NS keeps it until release."""
        self._held.append((due_ns, chunk))
        self._held_bytes += len(chunk) + _CHUNK_COST_BYTES
        if not self._blocking and self._held_bytes > self.capacity_bytes:
            self._blocking = True
            self.around.block()
        if self._timer is None and due_ns < NEVER_NS:
            self._timer = self.around.clock.at(due_ns, self._due)

    def holds_nothing(self) -> bool:
        """Tell whether a chunk that is due now may pass without overtaking another."""
        return not self._held

    def feed_eof(self) -> None:
        """Take the end of the stream: it leaves right behind what is held."""
        if self._held:
            self._eof_held = True
        else:
            self.emit_eof()

    def release(self) -> None:
        """Give everything held on, in order, at once."""
        self._cancel()
        now_ns = self.around.clock.now_ns()
        while self._held:
            due_ns, chunk = self._take()
            self.emit(chunk, min(due_ns, now_ns))
        self._end_if_held()

    def stop(self) -> None:
        """Drop what is held."""
        self._cancel()
        self._held.clear()
        self._held_bytes = 0
        self._eof_held = False

    def _due(self) -> None:
        self._timer = None
        clock = self.around.clock
        now_ns = clock.now_ns()
        for _ in range(_CHUNKS_AT_ONCE):
            if not self._held or self._held[0][0] > now_ns:
                break
            due_ns, chunk = self._take()
            self.late_ns = now_ns - due_ns
            self.emit(chunk, due_ns)
        if not self._held:
            self._end_if_held()
        elif self._held[0][0] < NEVER_NS:
            self._timer = clock.at(max(self._held[0][0], now_ns + 1), self._due)

    def _take(self) -> tuple[int, bytes]:
        due_ns, chunk = self._held.popleft()
        self._held_bytes -= len(chunk) + _CHUNK_COST_BYTES
        if self._blocking and self._held_bytes <= self.capacity_bytes // 2:
            self._blocking = False
            self.around.unblock()
        return due_ns, chunk

    def _end_if_held(self) -> None:
        if self._eof_held:
            self._eof_held = False
            self.emit_eof()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
