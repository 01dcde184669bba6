"""Every toxic, from outside: the embedded engine does to bytes and ends what the real Toxiproxy does, at the same time."""

from __future__ import annotations

import time

import pytest

from tests.execution.toxiproxy.rig import (
    Server,
    Upstream,
    echo_ms,
    echoing,
    elapsed_ms,
    ending,
    pieces,
    read,
    sending,
    transfer_ms,
)

pytestmark = pytest.mark.e2e


class TestLatency:
    def test_value_and_sum(self, server: Server, upstream: Upstream) -> None:
        """100 ms up and 150 ms down make 250; a second latency down adds its own 100. Without any it is less than any."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        echoing(far)
        assert min(echo_ms(client) for _ in range(5)) < 90
        server.add_toxic("latency", "upstream", latency=100)
        server.add_toxic("latency", "downstream", latency=150)
        assert 250 <= min(echo_ms(client) for _ in range(3)) < 450
        server.add_toxic("latency", "downstream", name="more", latency=100)
        assert 350 <= min(echo_ms(client) for _ in range(3)) < 550

    def test_chunks_in_flight_overlap(self, server: Server, upstream: Upstream) -> None:
        """Ten chunks sent 20 ms apart under 300 ms are through in about half a second, not in three."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("latency", "upstream", latency=300)
        start_ns = time.monotonic_ns()
        for number in range(10):
            client.sendall(bytes([number]))
            time.sleep(0.02)
        assert read(far, 10) == bytes(range(10))
        assert 480 <= elapsed_ms(start_ns) < 2900

    @pytest.mark.parametrize("how", ["remove", "update", "reset"])
    def test_what_is_in_flight_is_released(self, server: Server, upstream: Upstream, how: str) -> None:
        """Nobody waits for a delay that is not there any more."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("latency", "upstream", name="slow", latency=60_000)
        client.sendall(b"in flight")
        far.settimeout(0.2)
        with pytest.raises(TimeoutError):
            far.recv(1)
        far.settimeout(10)
        if how == "remove":
            server.remove_toxic("slow")
        elif how == "update":
            server.ask("PATCH", "/proxies/it/toxics/slow", {"attributes": {"latency": 1}})
        else:
            server.ask("POST", "/reset")
        assert read(far, 9) == b"in flight"


class TestBandwidth:
    def test_rate(self, server: Server, upstream: Upstream) -> None:
        """200 KB at 500 KB/s take 400 ms; without the toxic much less."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        data = bytes(200_000)
        assert transfer_ms(client, far, data) < 200
        server.add_toxic("bandwidth", "upstream", rate=500)
        took_ms = [transfer_ms(client, far, data) for _ in range(3)]
        assert 395 <= min(took_ms) < 1000

    def test_zero_stalls_and_removal_releases(self, server: Server, upstream: Upstream) -> None:
        """At rate 0 nothing passes until the toxic is removed."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("bandwidth", "upstream", name="stall", rate=0)
        client.sendall(b"stalled")
        far.settimeout(0.2)
        with pytest.raises(TimeoutError):
            far.recv(1)
        far.settimeout(10)
        server.remove_toxic("stall")
        assert read(far, 7) == b"stalled"


class TestTimeout:
    def test_drops_and_closes_after_silence(self, server: Server, upstream: Upstream) -> None:
        """Data each 200 ms keep a timeout of 1.5 s from closing; 1.5 s after the last it closes, and nothing came through."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("timeout", "upstream", timeout=1500)
        start_ns = time.monotonic_ns()
        for _ in range(10):
            client.sendall(b"lost")
            time.sleep(0.2)
        assert ending(client) == "FIN"
        assert elapsed_ms(start_ns) >= 9 * 200 + 1490
        assert read(far, 1) == b""

    @pytest.mark.parametrize("how", ["remove", "reset"])
    def test_zero_hangs_until_it_is_removed(self, server: Server, upstream: Upstream, how: str) -> None:
        """Nothing comes and nothing closes; the removal closes both sides."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("timeout", "downstream", name="hang")
        far.sendall(b"lost")
        assert ending(client, within_s=0.3) == "open"
        if how == "remove":
            server.remove_toxic("hang")
        else:
            server.ask("POST", "/reset")
        assert (ending(client), ending(far)) == ("FIN", "FIN")


class TestResetPeer:
    @pytest.mark.parametrize("stream", ["upstream", "downstream"])
    def test_resets_both_sides(self, server: Server, upstream: Upstream, stream: str) -> None:
        """The first data of a new connection end it with a RST for the client and for the server, and do not arrive."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("reset_peer", stream)
        client, far = upstream.pair(port)
        speaker, listener = (client, far) if stream == "upstream" else (far, client)
        speaker.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            listener.recv(1)
        assert ending(speaker) == "RST"

    def test_waits_its_time(self, server: Server, upstream: Upstream) -> None:
        """An idle connection is left alone; the reset comes `timeout` after the first data."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("reset_peer", "upstream", timeout=200)
        client, _ = upstream.pair(port)
        assert ending(client, within_s=0.4) == "open"
        start_ns = time.monotonic_ns()
        client.sendall(b"x")
        assert ending(client) == "RST"
        assert elapsed_ms(start_ns) >= 199


class TestSlowClose:
    @pytest.mark.parametrize("stream", ["upstream", "downstream"])
    def test_only_the_end_waits(self, server: Server, upstream: Upstream, stream: str) -> None:
        """Data arrive at once; the end comes 900 ms after it was sent."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("slow_close", stream, delay=900)
        leaver, stayer = (client, far) if stream == "upstream" else (far, client)
        start_ns = time.monotonic_ns()
        leaver.sendall(b"x")
        assert read(stayer, 1) == b"x"
        assert elapsed_ms(start_ns) < 800
        leaver.close()
        closed_ns = time.monotonic_ns()
        assert ending(stayer) == "FIN"
        assert 899 <= elapsed_ms(closed_ns) < 10_000

    def test_removal_ends_the_wait(self, server: Server, upstream: Upstream) -> None:
        """Nobody waits for a delay that is not there any more."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("slow_close", "upstream", name="slow", delay=60_000)
        client.close()
        assert ending(far, within_s=0.2) == "open"
        server.remove_toxic("slow")
        assert ending(far) == "FIN"


class TestLimitData:
    @pytest.mark.parametrize("stream", ["upstream", "downstream"])
    @pytest.mark.parametrize(("limit", "sent"), [(1000, 1000), (1000, 1001), (100_000, 300_000), (1, 2)])
    def test_exact(self, server: Server, upstream: Upstream, stream: str, limit: int, sent: int) -> None:
        """The limit arrives and not a byte more, then the end, on an exact match too."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("limit_data", stream, bytes=limit)
        source, sink = (client, far) if stream == "upstream" else (far, client)
        sender = sending(source, bytes(sent))
        assert len(read(sink, sent + 1)) == limit
        sender.join()

    def test_one_byte_less_is_no_end(self, server: Server, upstream: Upstream) -> None:
        """Below the limit the connection goes on."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("limit_data", "upstream", bytes=5)
        client.sendall(b"four")
        assert read(far, 4) == b"four"
        assert ending(far, within_s=0.2) == "open"

    def test_zero_ends_at_the_first_data(self, server: Server, upstream: Upstream) -> None:
        """An idle connection is left alone."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("limit_data", "upstream", bytes=0)
        assert ending(far, within_s=0.2) == "open"
        client.sendall(b"x")
        far.settimeout(10)
        assert read(far, 1) == b""

    def test_the_count_outlives_updates_and_belongs_to_the_connection(self, server: Server, upstream: Upstream) -> None:
        """After 8 of 10 a limit of 20 leaves 12; another connection has 20."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("limit_data", "upstream", name="limit", bytes=10)
        client, far = upstream.pair(port)
        client.sendall(bytes(8))
        assert len(read(far, 8)) == 8
        server.ask("PATCH", "/proxies/it/toxics/limit", {"attributes": {"bytes": 20}})
        client.sendall(bytes(50))
        assert len(read(far, 50)) == 12
        client, far = upstream.pair(port)
        client.sendall(bytes(50))
        assert len(read(far, 50)) == 20


class TestSlicer:
    def test_pieces_pauses_and_bytes(self, server: Server, upstream: Upstream) -> None:
        """1000 bytes about 100 become 16 pieces of 62 or 63 with 100 ms between: 1.5 s at least, and the bytes are the same."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("slicer", "upstream", average_size=100, delay=100_000)
        start_ns = time.monotonic_ns()
        client.sendall(bytes(range(250)) * 4)
        lengths = pieces(far, 1000)
        assert 1490 <= elapsed_ms(start_ns) < 10_000
        assert 6 <= len(lengths) <= 16  # a reader that is late finds pieces joined

    def test_variation(self, server: Server, upstream: Upstream) -> None:
        """Sizes differ and stay within average and variation."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("slicer", "upstream", average_size=100, size_variation=20, delay=100_000)
        client.sendall(bytes(1000))
        lengths = pieces(far, 1000)
        assert len(set(lengths)) > 2
        assert sum(lengths) == 1000

    def test_large_streams_arrive_whole(self, server: Server, upstream: Upstream) -> None:
        """Two megabytes of a pattern in pieces of about a thousand bytes are the same two megabytes."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("slicer", "upstream", average_size=1000, size_variation=500)
        data = bytes(range(256)) * 8000
        sender = sending(client, data)
        assert read(far, len(data)) == data
        sender.join()

    def test_removal_releases_the_rest(self, server: Server, upstream: Upstream) -> None:
        """Half-way through a chunk, what is left arrives at once."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("slicer", "upstream", name="slow", average_size=1, delay=1_000_000)
        client.sendall(b"0123456789")
        assert read(far, 1) == b"0"
        server.remove_toxic("slow")
        assert read(far, 9) == b"123456789"
