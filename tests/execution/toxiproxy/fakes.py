"""Stands in for what surrounds a stage: a clock that is set by hand and a link that writes down what reaches it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from gatebench.execution.toxiproxy import toxics as _shipped  # noqa: F401 - importing it registers them
from gatebench.execution.toxiproxy.clock import Agenda, Timer
from gatebench.execution.toxiproxy.effects import Effects
from gatebench.execution.toxiproxy.stage import Stage
from gatebench.execution.toxiproxy.toxic import kinds

MS = 1_000_000


class FakeClock:
    """Shows the time it is set to; `advance` keeps every appointment on the way, at its own moment."""

    def __init__(self) -> None:
        self._now_ns = 1_000 * MS
        self._agenda = Agenda()

    def now_ns(self) -> int:
        """Return the time that was set."""
        return self._now_ns

    def at(self, due_ns: int, action: Callable[[], None]) -> Timer:
        """Enter an appointment."""
        return self._agenda.add(due_ns, action)

    def advance(self, ms: float, late_ms: float = 0.0) -> None:
        """Let `ms` pass; every timer rings `late_ms` after its moment."""
        end_ns = self._now_ns + round(ms * MS)
        late_ns = round(late_ms * MS)
        while (due_ns := self._agenda.next_due_ns()) is not None and due_ns + late_ns <= end_ns:
            self._now_ns = max(self._now_ns, due_ns + late_ns)
            self._agenda.run_due(self._now_ns)
        self._now_ns = end_ns


class Bench:
    """One stage on the bench, between a source that is fed by hand and a sink that notes (time in ms, chunk)."""

    def __init__(self, type_name: str, **attributes: float) -> None:
        self.clock = FakeClock()
        self.start_ns = self.clock.now_ns()
        self.out: list[tuple[float, bytes]] = []
        self.ended_ms: float | None = None
        self.reset_ms: float | None = None
        self.blocks = 0
        self.done = Effects()
        kind = kinds()[type_name]
        self.stage: Stage = kind.stage("it", kind.merge({}, attributes), self)
        self.stage.emit = self._note
        self.stage.emit_eof = self._note_end
        self.stage.start()

    def feed(self, chunk: bytes) -> None:
        """Feed a chunk received now."""
        self.stage.feed(chunk, self.clock.now_ns())

    def change(self, **attributes: float) -> None:
        """Change attributes, as an update of the toxic does."""
        self.stage.change({**self.stage.attributes, **attributes})

    def data(self) -> bytes:
        """Return everything that came out."""
        return b"".join(chunk for _, chunk in self.out)

    def random(self, toxic: str) -> Random:
        """Return a generator with a fixed seed."""
        return Random(toxic)

    def effects(self, toxic: str) -> Effects:
        """Return the bench's counts."""
        return self.done

    def block(self) -> None:
        """Count."""
        self.blocks += 1

    def unblock(self) -> None:
        """Count back."""
        self.blocks -= 1

    def reset(self) -> None:
        """Note when."""
        self.reset_ms = self._ms()

    def _note(self, chunk: bytes, at_ns: int) -> None:
        assert at_ns <= self.clock.now_ns()
        self.out.append((self._ms(), chunk))

    def _note_end(self) -> None:
        self.ended_ms = self._ms()

    def _ms(self) -> float:
        return (self.clock.now_ns() - self.start_ns) / MS
