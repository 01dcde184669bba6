"""What each toxic does to chunks, on a clock that is set by hand: the arithmetic stands beside each row."""

from __future__ import annotations

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
