"""What each toxic does to chunks, on a clock that is set by hand: the arithmetic stands beside each row."""

from __future__ import annotations

import dataclasses

import pytest

from tests.execution.toxiproxy.fakes import Bench


class TestNoop:
    def test_passes_data_and_end_at_once(self) -> None:
        """Nothing is changed and nothing waits."""
        bench = Bench("noop")
        bench.feed(b"a")
        bench.stage.feed_eof()
        assert bench.out == [(0.0, b"a")]
        assert bench.ended_ms == 0.0


class TestLatency:
    def test_delay_counts_from_receipt(self) -> None:
        """Chunks overlap: three chunks 10 ms apart under 100 ms come out at 100, 110, 120 ms, not at 300."""
        bench = Bench("latency", latency=100)
        for chunk in (b"a", b"b", b"c"):
            bench.feed(chunk)
            bench.clock.advance(10)
        bench.clock.advance(200)
        assert bench.out == [(100.0, b"a"), (110.0, b"b"), (120.0, b"c")]

    def test_a_late_timer_does_not_add_up(self) -> None:
        """What the first of two latencies is late by is not added to the second: 100 + 200 = 300, not 305."""
        first = Bench("latency", latency=100)
        due: list[int] = []
        first.stage.emit = lambda _chunk, at_ns: due.append(at_ns)
        first.feed(b"a")
        first.clock.advance(200, late_ms=5)
        assert due == [first.start_ns + 100_000_000]

    def test_the_end_leaves_right_behind_the_data(self) -> None:
        """The end is not delayed by itself, and never overtakes."""
        bench = Bench("latency", latency=100)
        bench.feed(b"a")
        bench.clock.advance(60)
        bench.stage.feed_eof()
        assert bench.ended_ms is None
        bench.clock.advance(60)
        assert bench.ended_ms == 100.0
        idle = Bench("latency", latency=100)
        idle.stage.feed_eof()
        assert idle.ended_ms == 0.0

    @pytest.mark.parametrize("how", ["change", "leave"])
    def test_change_and_removal_release_at_once(self, how: str) -> None:
        """What is in flight leaves when the toxic is changed or removed, in order, and the end behind it."""
        bench = Bench("latency", latency=1000)
        for chunk in (b"a", b"b"):
            bench.feed(chunk)
        bench.stage.feed_eof()
        bench.clock.advance(10)
        if how == "change":
            bench.change(latency=5000)
        else:
            bench.stage.leave()
        assert bench.out == [(10.0, b"a"), (10.0, b"b")]
        assert bench.ended_ms == 10.0
        bench.clock.advance(10_000)
        assert len(bench.out) == 2

    def test_new_delay_holds_after_a_change(self) -> None:
        """A shorter delay is not held back by the moments of the longer one."""
        bench = Bench("latency", latency=1000)
        bench.feed(b"a")
        bench.change(latency=20)
        bench.feed(b"b")
        bench.clock.advance(20)
        assert bench.out == [(0.0, b"a"), (20.0, b"b")]

    def test_jitter_stays_in_its_range_and_keeps_order(self) -> None:
        """100 +- 50 ms: every delay lies in 50..150, they differ, and chunks leave in the order they came."""
        bench = Bench("latency", latency=100, jitter=50)
        for number in range(200):
            bench.feed(number.to_bytes(2, "big"))
            bench.clock.advance(200)
        delays = [at_ms - 200 * number for number, (at_ms, _) in enumerate(bench.out)]
        assert min(delays) >= 50
        assert max(delays) <= 150
        assert max(delays) - min(delays) > 50
        crowd = Bench("latency", latency=100, jitter=100)
        for number in range(200):
            crowd.feed(number.to_bytes(2, "big"))
        crowd.clock.advance(300)
        assert crowd.data() == b"".join(number.to_bytes(2, "big") for number in range(200))

    def test_jitter_beyond_the_delay_never_goes_back_in_time(self) -> None:
        """A negative sum is no delay."""
        bench = Bench("latency", latency=0, jitter=10)
        for number in range(100):
            bench.feed(number.to_bytes(1, "big"))
            bench.clock.advance(20)
        assert all(0 <= at_ms - 20 * number <= 10 for number, (at_ms, _) in enumerate(bench.out))

    def test_holding_much_blocks_the_source(self) -> None:
        """33 MiB held is more than the capacity: the source waits until half of it is gone, or all is dropped."""
        bench = Bench("latency", latency=100)
        for _ in range(33):
            bench.feed(bytes(1024 * 1024))
        assert bench.blocks == 1
        bench.clock.advance(100)
        assert bench.blocks == 0
        assert len(bench.data()) == 33 * 1024 * 1024


class TestBandwidth:
    @pytest.mark.parametrize(
        ("rate", "size", "done_ms"),
        [
            (100, 50_000, 500.0),  # 50 000 B at 100 B/ms
            (1, 500, 500.0),  # 500 B at 1 B/ms
            (1000, 64_000, 64.0),  # 64 000 B at 1000 B/ms: one slice
        ],
    )
    def test_last_byte_leaves_when_the_line_has_sent_it(self, rate: int, size: int, done_ms: float) -> None:
        """A chunk takes size / rate, in slices of 100 ms at most."""
        bench = Bench("bandwidth", rate=rate)
        bench.feed(bytes(size))
        bench.clock.advance(done_ms)
        assert len(bench.data()) == size
        assert bench.out[-1][0] == done_ms
        assert all(len(chunk) <= rate * 100 for _, chunk in bench.out)
        gaps = [later - earlier for (earlier, _), (later, _) in zip(bench.out, bench.out[1:], strict=False)]
        assert all(gap <= 100 for gap in gaps)

    def test_chunks_queue_behind_each_other(self) -> None:
        """Three chunks of 10 ms that come together leave at 10, 20, 30 ms."""
        bench = Bench("bandwidth", rate=10)
        for chunk in (b"a", b"b", b"c"):
            bench.feed(chunk * 100)
        bench.clock.advance(30)
        assert [at_ms for at_ms, _ in bench.out] == [10.0, 20.0, 30.0]

    def test_late_timers_do_not_slow_the_line(self) -> None:
        """With every timer 2 ms late and a sender that feeds when the last chunk has left, 20 x 10 ms take 202 ms, not 240."""
        bench = Bench("bandwidth", rate=100)
        for _ in range(20):
            bench.feed(bytes(1000))
            sent = len(bench.out)
            while len(bench.out) == sent:
                bench.clock.advance(0.5, late_ms=2)
        assert bench.out[-1][0] == pytest.approx(202, abs=1.0)

    def test_an_idle_line_gives_no_credit(self) -> None:
        """A chunk after a second of silence takes its whole time."""
        bench = Bench("bandwidth", rate=10)
        bench.feed(bytes(100))
        bench.clock.advance(1000)
        bench.feed(bytes(100))
        bench.clock.advance(1000)
        assert [at_ms for at_ms, _ in bench.out] == [10.0, 1010.0]

    def test_rate_zero_stalls_until_the_toxic_goes(self) -> None:
        """Nothing passes at rate 0, the source waits, and removal gives everything on."""
        bench = Bench("bandwidth", rate=0)
        bench.feed(b"abc")
        bench.clock.advance(1_000_000)
        assert bench.out == []
        assert bench.blocks == 1
        bench.stage.leave()
        assert bench.data() == b"abc"
        assert bench.blocks == 0

    def test_sender_feels_the_rate(self) -> None:
        """More than 10 ms' worth held blocks the source; it may go on when half of that has left."""
        bench = Bench("bandwidth", rate=100)
        bench.feed(bytes(50_000))
        assert bench.blocks == 1
        bench.clock.advance(499)
        assert bench.blocks == 1
        bench.clock.advance(1)
        assert bench.blocks == 0

    def test_new_rate_holds_after_a_change(self) -> None:
        """What was held leaves at once; what follows takes the new rate's time."""
        bench = Bench("bandwidth", rate=1)
        bench.feed(bytes(1000))
        bench.change(rate=100)
        assert len(bench.data()) == 1000
        bench.feed(bytes(1000))
        bench.clock.advance(10)
        assert bench.out[-1] == (10.0, bytes(1000))


class TestTimeout:
    def test_drops_data_and_ends_after_silence(self) -> None:
        """With 500 ms and data each 300 ms, the end comes 500 ms after the last: 300 + 300 + 500 = 1100."""
        bench = Bench("timeout", timeout=500)
        for _ in range(2):
            bench.clock.advance(300)
            bench.feed(b"x")
        bench.clock.advance(10_000)
        assert bench.out == []
        assert bench.ended_ms == 1100.0

    def test_an_idle_connection_ends_too(self) -> None:
        """The wait begins when the toxic comes."""
        bench = Bench("timeout", timeout=500)
        bench.clock.advance(500)
        assert bench.ended_ms == 500.0

    def test_zero_never_ends_by_itself_but_on_removal(self) -> None:
        """A connection that has lost bytes cannot go on without the toxic."""
        bench = Bench("timeout", timeout=0)
        bench.feed(b"x")
        bench.clock.advance(1_000_000)
        assert bench.ended_ms is None
        bench.stage.leave()
        assert bench.ended_ms == 1_000_000.0
        assert bench.out == []

    def test_change_starts_the_wait_anew_and_does_not_end(self) -> None:
        """400 ms of an old wait do not count: 400 + 500 = 900."""
        bench = Bench("timeout", timeout=500)
        bench.clock.advance(400)
        bench.change(timeout=500)
        bench.clock.advance(499)
        assert bench.ended_ms is None
        bench.clock.advance(1)
        assert bench.ended_ms == 900.0

    def test_end_of_the_source_passes(self) -> None:
        """A peer that left is not waited for."""
        bench = Bench("timeout", timeout=0)
        bench.stage.feed_eof()
        assert bench.ended_ms == 0.0

    def test_a_stopped_stage_is_silent(self) -> None:
        """No timer outlives the connection."""
        bench = Bench("timeout", timeout=10)
        bench.stage.stop()
        bench.clock.advance(100)
        assert bench.ended_ms is None


class TestResetPeer:
    def test_waits_for_data_then_for_its_time(self) -> None:
        """An idle connection is left alone; the reset comes `timeout` after the first chunk, whatever follows."""
        bench = Bench("reset_peer", timeout=100)
        bench.clock.advance(1000)
        assert bench.reset_ms is None
        bench.feed(b"a")
        bench.clock.advance(60)
        bench.feed(b"b")
        bench.clock.advance(1000)
        assert bench.reset_ms == 1100.0
        assert bench.out == []

    def test_end_of_the_stream_counts_as_data(self) -> None:
        """A connection that is closed is reset instead."""
        bench = Bench("reset_peer", timeout=0)
        bench.stage.feed_eof()
        bench.clock.advance(0)
        assert bench.reset_ms == 0.0
        assert bench.ended_ms is None

    @pytest.mark.parametrize("how", ["change", "leave"])
    def test_the_wait_can_be_interrupted(self, how: str) -> None:
        """Changed or removed before its time, the toxic gives back what it held, the end too, and resets nothing."""
        bench = Bench("reset_peer", timeout=1000)
        bench.feed(b"a")
        bench.stage.feed_eof()
        if how == "change":
            bench.change(timeout=50)
        else:
            bench.stage.leave()
        bench.clock.advance(10_000)
        assert bench.data() == b"a"
        assert bench.ended_ms == 0.0
        assert bench.reset_ms is None

    def test_a_stopped_stage_is_silent(self) -> None:
        """No fuse outlives the connection."""
        bench = Bench("reset_peer", timeout=10)
        bench.feed(b"a")
        bench.stage.stop()
        bench.clock.advance(100)
        assert bench.reset_ms is None


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


class TestPacketLoss:
    @staticmethod
    def fates(count: int = 20_000, **attributes: float) -> list[bool]:
        """Return, for each chunk, whether it was lost."""
        bench = Bench("packet_loss", **attributes)
        lost = []
        for _ in range(count):
            before = len(bench.out)
            bench.feed(b"x")
            lost.append(len(bench.out) == before)
        assert bench.done.chunks_dropped == bench.done.bytes_dropped == sum(lost)
        return lost

    @pytest.mark.parametrize(("rate", "correlation"), [(0.0, 0.0), (0.0, 0.9), (1.0, 0.0), (1.0, 0.9)])
    def test_none_or_all(self, rate: float, correlation: float) -> None:
        """At 0 nothing is lost, at 1 everything, whatever the correlation."""
        assert set(self.fates(100, loss_rate=rate, correlation=correlation)) == {rate == 1.0}

    def test_the_share_is_the_rate(self) -> None:
        """Of 20 000 chunks at 0.3, 6000 are lost, give or take 4 standard deviations of 64.8."""
        assert abs(sum(self.fates(loss_rate=0.3)) - 6000) < 260

    def test_correlation_makes_bursts_and_keeps_the_share(self) -> None:
        """At 0.3 and 0.75 a burst lasts 1 / (0.7 * 0.25) = 5.7 chunks; without correlation 1 / 0.7 = 1.4."""
        for correlation, burst in ((0.0, 1 / 0.7), (0.75, 1 / (0.7 * 0.25))):
            lost = self.fates(60_000, loss_rate=0.3, correlation=correlation)
            bursts = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
            assert sum(lost) / bursts == pytest.approx(burst, rel=0.1)
            assert sum(lost) / len(lost) == pytest.approx(0.3, abs=0.03)

    def test_full_correlation_keeps_the_first_fate(self) -> None:
        """At 1 every chunk shares the fate of the first."""
        assert len(set(self.fates(100, loss_rate=0.5, correlation=1.0))) == 1

    def test_a_change_moves_no_later_draw(self) -> None:
        """After the rate went to 0 and back, the same chunks are lost as without that."""
        plain = self.fates(300, loss_rate=0.3)
        bench = Bench("packet_loss", loss_rate=0.3)
        for place in range(300):
            if place in (100, 200):
                bench.change(loss_rate=0.0 if place == 100 else 0.3)
            bench.feed(bytes([place % 256]))
        kept = [chunk[0] for _, chunk in bench.out]
        expected = [place % 256 for place in range(300) if 100 <= place < 200 or not plain[place]]
        assert kept == expected


class TestEffects:
    @pytest.mark.parametrize(
        ("type_name", "attributes", "expected"),
        [
            ("latency", {"latency": 5}, {"chunks_delayed": 2}),
            ("latency", {}, {}),
            ("bandwidth", {"rate": 1}, {"chunks_delayed": 2}),
            ("timeout", {"timeout": 5}, {"chunks_dropped": 2, "bytes_dropped": 7, "connections_closed": 1}),
            ("reset_peer", {}, {"connections_reset": 1}),
            ("limit_data", {"bytes": 3}, {"bytes_dropped": 1, "connections_closed": 1}),
            ("slicer", {"average_size": 3}, {"chunks_sliced": 1}),
            ("packet_loss", {"loss_rate": 1}, {"chunks_dropped": 2, "bytes_dropped": 7}),
            ("noop", {}, {}),
        ],
    )
    def test_what_was_done_is_counted(
        self, type_name: str, attributes: dict[str, float], expected: dict[str, int]
    ) -> None:
        """Four bytes, three bytes, a long silence; limit_data drops one of the first four and never sees the three."""
        bench = Bench(type_name, **attributes)
        bench.feed(b"four")
        if type_name != "limit_data":
            bench.feed(b"abc")
        bench.clock.advance(1000)
        counted = dataclasses.asdict(bench.done)
        assert {name: count for name, count in counted.items() if count} == expected
