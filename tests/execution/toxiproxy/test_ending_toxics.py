"""What the toxics that concern the end of a stream do, on a clock that is set by hand."""

from __future__ import annotations

import pytest

from tests.execution.toxiproxy.fakes import Bench


class TestSlowClose:
    def test_data_pass_and_the_end_waits(self) -> None:
        """Data leave at once, the end 300 ms after it came, and data are not delayed with it."""
        bench = Bench("slow_close", delay=300)
        bench.feed(b"a")
        bench.clock.advance(50)
        bench.stage.feed_eof()
        bench.clock.advance(1000)
        assert bench.out == [(0.0, b"a")]
        assert bench.ended_ms == 350.0
        assert bench.done.closes_delayed == 1

    def test_change_starts_the_wait_anew(self) -> None:
        """200 ms of an old wait do not count: 200 + 300 = 500."""
        bench = Bench("slow_close", delay=300)
        bench.stage.feed_eof()
        bench.clock.advance(200)
        bench.change(delay=300)
        bench.clock.advance(1000)
        assert bench.ended_ms == 500.0

    def test_removal_ends_the_wait(self) -> None:
        """At once when the end came; an open connection does not notice."""
        bench = Bench("slow_close", delay=60_000)
        bench.stage.leave()
        assert bench.ended_ms is None
        bench.stage.feed_eof()
        bench.clock.advance(10)
        bench.stage.leave()
        assert bench.ended_ms == 10.0

    def test_a_stopped_stage_is_silent(self) -> None:
        """No timer outlives the connection."""
        bench = Bench("slow_close", delay=10)
        bench.stage.feed_eof()
        bench.stage.stop()
        bench.clock.advance(100)
        assert bench.ended_ms is None


class TestLimitData:
    @pytest.mark.parametrize(
        ("limit", "chunks", "passed", "ends"),
        [
            (10, [b"0123"], b"0123", False),  # 4 of 10
            (10, [b"0123", b"456789"], b"0123456789", True),  # 4 + 6 = 10: an exact match is the end
            (10, [b"0123", b"456789abc"], b"0123456789", True),  # the chunk that crosses is cut
            (0, [b"0"], b"", True),  # nothing may pass
            (0, [], b"", False),  # and nothing ends before somebody tries
        ],
    )
    def test_exactly_so_many_bytes(self, limit: int, chunks: list[bytes], passed: bytes, ends: bool) -> None:
        """The limit passes, not a byte more, and the end comes with its last byte."""
        bench = Bench("limit_data", bytes=limit)
        for chunk in chunks:
            bench.feed(chunk)
        assert bench.data() == passed
        assert (bench.ended_ms is not None) == ends
        if ends:
            bench.feed(b"late")
        bench.stage.feed_eof()
        assert bench.data() == passed

    def test_the_count_outlives_updates(self) -> None:
        """8 of 10 have passed; under 20 there are 12 left; under 5 there is nothing left and the next chunk is the end."""
        bench = Bench("limit_data", bytes=10)
        bench.feed(bytes(8))
        bench.change(bytes=20)
        bench.feed(bytes(11))
        assert len(bench.data()) == 19
        bench.change(bytes=5)
        assert bench.done.connections_closed == 0
        bench.feed(b"x")
        assert (len(bench.data()), bench.ended_ms) == (19, 0.0)
        assert (bench.done.bytes_dropped, bench.done.connections_closed) == (1, 1)
