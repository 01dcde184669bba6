"""A link carries chunks through whatever toxics act on it, and loses or reorders none when they come and go."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import cast

from gatebench.execution.toxiproxy.link import Link
from gatebench.execution.toxiproxy.peer import Peer
from gatebench.execution.toxiproxy.stage import HoldingStage, Stage, Surroundings
from gatebench.execution.toxiproxy.toxic import Attribute, Kind, Toxic, kinds
from tests.execution.toxiproxy.fakes import FakeClock


class FakePeer:
    """A peer without a socket: a source that is fed by hand, a sink that notes."""

    def __init__(self) -> None:
        self.on_data: Callable[[bytes], None] = lambda _chunk: None
        self.on_end: Callable[[], None] = lambda: None
        self.on_full: Callable[[], None] = lambda: None
        self.on_room: Callable[[], None] = lambda: None
        self.written: list[bytes] = []
        self.finished = False
        self.reading = True
        self.hung_up = False

    def write(self, chunk: bytes, _at_ns: int = 0) -> None:
        """Note a chunk, unless the end was written."""
        if not self.finished:
            self.written.append(chunk)

    def finish(self) -> None:
        """Note the end."""
        self.finished = True

    def pause(self) -> None:
        """Note."""
        self.reading = False

    def resume(self) -> None:
        """Note."""
        self.reading = not self.hung_up

    def hang_up(self) -> None:
        """Note."""
        self.hung_up = True
        self.reading = False


class Scene:
    """A link between two fake peers."""

    def __init__(self, ordinal: int = 0, seed: int = 7) -> None:
        self.clock = FakeClock()
        self.source, self.sink = FakePeer(), FakePeer()
        self.resets = 0

        def draw(text: str) -> int:
            return int.from_bytes(hashlib.blake2b(f"{seed}\0{ordinal}\0{text}".encode(), digest_size=8).digest(), "big")

        self.link = Link(cast(Peer, self.source), cast(Peer, self.sink), self.clock, draw, self._reset)

    def feed(self, chunk: bytes) -> None:
        """Let the source receive a chunk."""
        if self.source.reading:
            self.source.on_data(chunk)

    def data(self) -> bytes:
        """Return everything that reached the sink."""
        return b"".join(self.sink.written)

    def _reset(self) -> None:
        self.resets += 1


def toxic(name: str, type_name: str = "latency", toxicity: float = 1.0, **attributes: int) -> Toxic:
    """Return a toxic on the downstream direction."""
    kind = kinds()[type_name]
    return Toxic(name, kind, "downstream", toxicity, kind.merge({}, attributes), "proxy")


def toggle(kind: Kind) -> bytes:
    """Put a toxic on and off a hundred times while chunks pass, and return what arrived."""
    scene = Scene()
    use = Toxic("it", kind, "downstream", 1.0, kind.merge({}, {"latency": 5}), "proxy")
    for number in range(100):
        scene.link.apply([use] if number % 2 else [])
        scene.feed(number.to_bytes(1, "big"))
        scene.clock.advance(1)
    scene.link.apply([])
    return scene.data()


def test_without_toxics_data_and_end_pass_straight() -> None:
    """The source's data go to the sink, its end finishes the sink."""
    scene = Scene()
    scene.feed(b"a")
    assert scene.sink.written == [b"a"]
    scene.link.end()
    assert scene.sink.finished


def test_toxics_act_in_their_order_and_add_up() -> None:
    """Two latencies of 100 and 200 ms make 300."""
    scene = Scene()
    scene.link.apply([toxic("first", latency=100), toxic("second", latency=200)])
    scene.feed(b"a")
    scene.clock.advance(299)
    assert scene.data() == b""
    scene.clock.advance(1)
    assert scene.data() == b"a"


def test_coming_and_going_loses_and_reorders_nothing() -> None:
    """A hundred chunks pass while a latency comes and goes around them."""
    assert toggle(kinds()["latency"]) == bytes(range(100))


def test_a_toxic_that_forgets_what_it_holds_is_noticed() -> None:
    """The check above can fail: a stage that drops what it holds on removal loses bytes."""

    class Forgetful(HoldingStage):
        def feed(self, chunk: bytes, at_ns: int) -> None:
            self.hold(chunk, at_ns + 5_000_000)

        def release(self) -> None:
            self.stop()

    assert toggle(Kind("forgetful", (Attribute("latency", "ms"),), Forgetful)) != bytes(range(100))


def test_removal_in_the_middle_releases_into_what_follows() -> None:
    """What the removed toxic held goes through those behind it, not around them."""
    scene = Scene()
    scene.link.apply([toxic("first", latency=1000), toxic("second", latency=50)])
    scene.feed(b"a")
    scene.clock.advance(10)
    scene.link.apply([toxic("second", latency=50)])
    assert scene.data() == b""
    scene.clock.advance(50)
    assert scene.data() == b"a"


def test_an_unchanged_toxic_does_not_notice_its_neighbours() -> None:
    """Adding a second toxic releases nothing that the first one holds."""
    scene = Scene()
    first = toxic("first", latency=100)
    scene.link.apply([first])
    scene.feed(b"a")
    scene.clock.advance(50)
    scene.link.apply([first, toxic("second", "noop")])
    assert scene.data() == b""
    scene.clock.advance(50)
    assert scene.data() == b"a"


def test_toxicity_is_one_draw_for_the_link_and_nested() -> None:
    """Of 400 connections about the share is hit; who is hit at 0.2 is hit at 0.5; the same seed hits the same, another others."""

    def victims(toxicity: float, seed: int = 7) -> set[int]:
        hit = set()
        for ordinal in range(400):
            scene = Scene(ordinal, seed)
            scene.link.apply([toxic("it", "timeout", toxicity=toxicity)])
            scene.feed(b"a")
            if scene.data() == b"":
                hit.add(ordinal)
        return hit

    few, many = victims(0.2), victims(0.5)
    assert 40 <= len(few) <= 120  # 80 expected, standard deviation 8
    assert few < many
    assert victims(0.2) == few
    assert victims(0.2, seed=8) != few
    assert victims(0.0) == set()
    assert len(victims(1.0)) == 400


def test_draws_are_kept_when_other_toxics_come_and_go() -> None:
    """A connection that was spared stays spared while its neighbours change."""
    for ordinal in range(50):
        scene = Scene(ordinal)
        half = toxic("half", "timeout", toxicity=0.5)
        scene.link.apply([half])
        scene.feed(b"a")
        spared = scene.data() == b"a"
        for _ in range(3):
            scene.link.apply([half, toxic("other", "noop")])
            scene.link.apply([half])
        scene.feed(b"b")
        assert scene.data() == (b"ab" if spared else b"")


def test_an_end_made_by_a_toxic_is_final() -> None:
    """Once a timeout has ended the stream, nothing that came before it or comes later may follow, whatever is removed."""
    scene = Scene()
    held, cut = toxic("held", latency=100), toxic("cut", "timeout", timeout=10)
    scene.link.apply([held, cut])
    scene.feed(b"a")
    scene.clock.advance(50)
    assert scene.sink.finished
    assert scene.source.hung_up
    scene.link.apply([])
    scene.clock.advance(1000)
    assert scene.data() == b""


def test_the_end_of_a_removed_timeout_waits_behind_what_later_toxics_hold() -> None:
    """What had passed before the timeout began to act is still delivered, and then the end."""
    scene = Scene()
    slow = toxic("slow", latency=100)
    scene.link.apply([toxic("cut", "timeout", toxicity=0.0), slow])
    scene.feed(b"before")
    scene.link.apply([toxic("cut", "timeout"), slow])
    scene.feed(b"lost")
    scene.link.apply([slow])
    assert not scene.sink.finished
    scene.clock.advance(100)
    assert scene.data() == b"before"
    assert scene.sink.finished


def test_nothing_enters_behind_an_end_that_waits() -> None:
    """What an earlier toxic still held when a timeout was removed stays lost: its turn was over with the end."""
    scene = Scene()
    held, slow = toxic("held", latency=100), toxic("slow", latency=300)
    scene.link.apply([held, toxic("cut", "timeout", toxicity=0.0), slow])
    scene.feed(b"before")
    scene.clock.advance(100)
    scene.link.apply([held, toxic("cut", "timeout"), slow])
    scene.feed(b"lost")
    scene.link.apply([held, slow])
    scene.clock.advance(1000)
    assert scene.data() == b"before"
    assert scene.sink.finished


def test_back_pressure_of_sink_and_stages_is_counted() -> None:
    """The source reads again only when neither the sink nor a stage blocks it."""
    scene = Scene()
    stalled = toxic("stalled", "bandwidth", rate=0)
    scene.link.apply([stalled])
    scene.feed(b"a")
    assert not scene.source.reading
    scene.sink.on_full()
    scene.link.apply([])
    assert scene.data() == b"a"
    assert not scene.source.reading
    scene.sink.on_room()
    assert scene.source.reading


def test_a_source_that_ended_is_never_read_again() -> None:
    """Unblocking after the end does not resume the source."""
    scene = Scene()
    scene.link.apply([toxic("stalled", "bandwidth", rate=0)])
    scene.feed(b"a")
    scene.source.hang_up()
    scene.link.end()
    scene.link.apply([])
    assert scene.data() == b"a"
    assert scene.sink.finished
    assert not scene.source.reading


def test_a_stopped_link_does_nothing_any_more() -> None:
    """When the sink is gone, held data are dropped, timers are silent and later toxics are not started."""
    started = []

    class Noting(Stage):
        def __init__(self, name: str, attributes: Mapping[str, float], around: Surroundings) -> None:
            super().__init__(name, attributes, around)
            started.append(name)

    scene = Scene()
    scene.link.apply([toxic("slow", latency=10)])
    scene.feed(b"a")
    scene.link.stop()
    scene.link.apply([Toxic("late", Kind("noting", (), Noting), "downstream", 1.0, {}, "proxy")])
    scene.link.end()
    scene.clock.advance(100)
    assert scene.data() == b""
    assert not scene.sink.finished
    assert scene.source.hung_up
    assert started == []
