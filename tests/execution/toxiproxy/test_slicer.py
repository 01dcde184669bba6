"""Where a slicer cuts and how long it pauses, on a clock that is set by hand."""

from __future__ import annotations

import pytest

from tests.execution.toxiproxy.fakes import Bench


class TestSlicer:
    def test_pieces_and_pauses(self) -> None:
        """1000 bytes about 100: halves of halves down to 62 or 63, each 2 ms after the last, the next chunk behind them."""
        bench = Bench("slicer", average_size=100, delay=2000)
        data = bytes(number % 256 for number in range(1000))
        bench.feed(data)
        bench.clock.advance(1000)
        assert bench.data() == data
        assert [len(piece) for _, piece in bench.out] == [62, 63, 62, 63] * 4
        assert [at_ms for at_ms, _ in bench.out] == [2.0 * place for place in range(16)]
        assert bench.done.chunks_sliced == 1

    def test_the_pause_holds_between_chunks(self) -> None:
        """A small chunk passes whole, and keeps its distance from the one before: 0 and 5 ms."""
        bench = Bench("slicer", average_size=100, delay=5000)
        bench.feed(b"a")
        bench.clock.advance(1)
        bench.feed(b"b")
        bench.clock.advance(10)
        assert bench.out == [(0.0, b"a"), (5.0, b"b")]
        assert bench.done.chunks_sliced == 0

    @pytest.mark.parametrize(("size", "variation"), [(1, 0), (10, 9), (10, 10), (3, 500), (64, 1)])
    def test_sizes_vary_within_their_bounds(self, size: int, variation: int) -> None:
        """No piece is empty, none is larger than average and variation together, whatever the variation, and all is there."""
        bench = Bench("slicer", average_size=size, size_variation=variation)
        data = bytes(number % 251 for number in range(5000))
        bench.feed(data)
        for _ in range(100):
            bench.clock.advance(1)
        assert bench.data() == data
        assert all(1 <= len(piece) <= size + variation for _, piece in bench.out)

    def test_a_flood_of_pieces_leaves_room_for_others(self) -> None:
        """Five thousand pieces without a pause leave 256 at a time: another appointment of the same moment gets its turn."""
        bench = Bench("slicer", average_size=1)
        bench.feed(bytes(5000))
        seen: list[int] = []
        bench.clock.at(bench.clock.now_ns() + 1, lambda: seen.append(len(bench.out)))
        bench.clock.advance(1)
        assert seen == [256]
        assert len(bench.out) == 5000

    @pytest.mark.parametrize("how", ["change", "leave"])
    def test_what_is_left_leaves_in_one_piece(self, how: str) -> None:
        """Changed or removed in the middle of a chunk, the rest of it follows whole, then the end, and the source goes on."""
        bench = Bench("slicer", average_size=100, delay=10_000)
        bench.feed(bytes(400))
        bench.stage.feed_eof()
        bench.clock.advance(15)
        assert (len(bench.out), bench.blocks) == (2, 1)
        if how == "change":
            bench.change(delay=1)
        else:
            bench.stage.leave()
        assert [len(piece) for _, piece in bench.out] == [100, 100, 200]
        assert (bench.ended_ms, bench.blocks) == (15.0, 0)
