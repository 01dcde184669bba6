"""What happens to bytes and connections: the embedded engine does to them what the real Toxiproxy does."""

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
    free_port,
    read,
    sending,
    transfer_ms,
)

pytestmark = pytest.mark.e2e


class TestConnections:
    def test_bytes_pass_unharmed(self, server: Server, upstream: Upstream) -> None:
        """Five megabytes of a pattern go there and back."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        echoing(far)
        data = bytes(range(256)) * 20_000
        sender = sending(client, data)
        assert read(client, len(data)) == data
        sender.join()

    def test_a_client_is_accepted_before_its_upstream_is_there(self, server: Server, upstream: Upstream) -> None:
        """A dead upstream shows as an end, not as a refusal."""
        client = upstream.connect(server.add_proxy(f"127.0.0.1:{free_port()}"))
        assert ending(client) == "FIN"

    @pytest.mark.parametrize("who", ["client", "server"])
    def test_an_end_closes_the_pair_behind_the_data(self, server: Server, upstream: Upstream, who: str) -> None:
        """The last bytes arrive, then the end, on both sides: there is no half-close."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("latency", "upstream" if who == "client" else "downstream", latency=100)
        leaver, stayer = (client, far) if who == "client" else (far, client)
        leaver.sendall(b"last words")
        leaver.shutdown(1)
        assert read(stayer, 100) == b"last words"
        assert ending(leaver) == "FIN"

    def test_disabled_refuses_closes_and_comes_back(self, server: Server, upstream: Upstream) -> None:
        """New connections are refused, live ones see a FIN on both sides, the port is the same afterwards."""
        port = server.add_proxy(upstream.address)
        client, far = upstream.pair(port)
        client.sendall(b"unread by anybody")
        assert server.ask("POST", "/proxies/it", {"enabled": False}).json["enabled"] is False
        assert ending(far) == "FIN"
        assert ending(client) == "FIN"
        with pytest.raises(ConnectionRefusedError):
            upstream.connect(port)
        assert server.ask("POST", "/proxies/it", {"enabled": True}).json["enabled"] is True
        client, far = upstream.pair(port)
        client.sendall(b"hello")
        assert read(far, 5) == b"hello"

    def test_deleted_closes(self, server: Server, upstream: Upstream) -> None:
        """The live connections end with the proxy."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.ask("DELETE", "/proxies/it")
        assert (ending(client), ending(far)) == ("FIN", "FIN")

    def test_coming_and_going_toxics_lose_nothing(self, server: Server, upstream: Upstream) -> None:
        """A hundred echoes over one connection while a toxic is put on and taken off before each."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        echoing(far)
        for number in range(100):
            if number % 2:
                server.remove_toxic("n")
            else:
                server.add_toxic("latency" if number % 4 else "noop", "downstream", name="n")
            message = b"echo %03d;" % number
            client.sendall(message)
            assert read(client, len(message)) == message


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
        assert 480 <= elapsed_ms(start_ns) < 1500

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
        assert 395 <= transfer_ms(client, far, data) < 1000

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
        """Data each 200 ms keep a timeout of 400 ms from closing; 400 ms after the last it closes, and nothing came through."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("timeout", "upstream", timeout=400)
        start_ns = time.monotonic_ns()
        for _ in range(4):
            client.sendall(b"lost")
            time.sleep(0.2)
        assert ending(client) == "FIN"
        assert elapsed_ms(start_ns) >= 990
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


class TestToxicity:
    def test_share(self, server: Server, upstream: Upstream) -> None:
        """Of forty connections under a toxicity of one half some are hit and some are not; under 0 none, under 1 all."""
        port = server.add_proxy(upstream.address)
        hit = {}
        for toxicity in (0.0, 0.5, 1.0):
            server.add_toxic("timeout", "upstream", name="t", toxicity=toxicity)
            hit[toxicity] = len(upstream.victims(port, 40))
            server.remove_toxic("t")
        assert hit[0.0] == 0
        assert 6 <= hit[0.5] <= 34  # 20 expected, standard deviation 3.2
        assert hit[1.0] == 40

    def test_directions_are_independent(self, server: Server, upstream: Upstream) -> None:
        """A toxic on one direction leaves the other alone."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("timeout", "upstream")
        far.sendall(b"down")
        assert read(client, 4) == b"down"
