"""What happens to bytes and connections: the embedded engine does to them what the real Toxiproxy does."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.execution.toxiproxy.rig import (
    Server,
    Upstream,
    echoing,
    elapsed_ms,
    ending,
    free_port,
    read,
    sending,
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
        far.recv(
            17, socket.MSG_PEEK | socket.MSG_WAITALL
        )  # a server that closes what it has not read itself sends a RST
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


class TestChain:
    def test_order_is_that_of_insertion(self, server: Server, upstream: Upstream) -> None:
        """Latency 100 ms, then 10 KB/s, then 500 bytes: the cut comes last, half of 1000 bytes, behind 100 + 100 ms."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("latency", "upstream", latency=100)
        server.add_toxic("bandwidth", "upstream", rate=10)
        server.add_toxic("limit_data", "upstream", bytes=500)
        start_ns = time.monotonic_ns()
        client.sendall(bytes(1000))
        assert len(read(far, 1000)) == 500
        assert 199 <= elapsed_ms(start_ns) < 10_000

    def test_what_is_cut_first_is_not_paid_for(self, server: Server, upstream: Upstream) -> None:
        """100 bytes, then 1 KB/s: a hundred milliseconds, not ten seconds."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("limit_data", "upstream", bytes=100)
        server.add_toxic("bandwidth", "upstream", rate=1)
        start_ns = time.monotonic_ns()
        client.sendall(bytes(10_000))
        assert len(read(far, 10_000)) == 100
        assert 99 <= elapsed_ms(start_ns) < 9_000

    def test_both_streams_at_once(self, server: Server, upstream: Upstream) -> None:
        """A limit up and another down: each cuts its own direction, whichever comes first ends both."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("limit_data", "upstream", bytes=10)
        server.add_toxic("limit_data", "downstream", bytes=20)
        far.sendall(bytes(15))
        assert len(read(client, 15)) == 15
        client.sendall(bytes(30))
        assert len(read(far, 30)) == 10
        assert read(client, 1) == b""

    def test_two_of_one_type(self, server: Server, upstream: Upstream) -> None:
        """The smaller limit counts, in either order."""
        port = server.add_proxy(upstream.address)
        for first, second in ((10, 30), (30, 10)):
            server.add_toxic("limit_data", "upstream", name="first", bytes=first)
            server.add_toxic("limit_data", "upstream", name="second", bytes=second)
            client, far = upstream.pair(port)
            client.sendall(bytes(50))
            assert len(read(far, 50)) == 10
            for name in ("first", "second"):
                server.remove_toxic(name)

    @pytest.mark.parametrize(
        ("type_name", "attributes"),
        [
            ("latency", {"latency": 1}),
            ("bandwidth", {"rate": 100_000}),
            ("slow_close", {"delay": 1}),
            ("slicer", {"average_size": 500}),
            ("limit_data", {"bytes": 10_000_000}),
            ("timeout", {"toxicity": 0.0}),
            ("noop", {}),
        ],
    )
    def test_mild_toxics_harm_nothing(
        self, server: Server, upstream: Upstream, type_name: str, attributes: dict[str, Any]
    ) -> None:
        """In both directions at once a pattern goes there and back, and the end behind it."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        for stream in ("upstream", "downstream"):
            server.add_toxic(type_name, stream, **attributes)
        echo = echoing(far)
        data = bytes(range(256)) * 1000
        sender = sending(client, data)
        assert read(client, len(data)) == data
        sender.join()
        client.close()
        echo.join(10)
        assert not echo.is_alive()


class TestMetrics:
    @staticmethod
    def bytes_of(server: Server, port: int) -> dict[tuple[str, str], float]:
        """Return the byte counters of the proxy by direction and by what they count."""
        found = {}
        for family in text_string_to_metric_families(server.ask("GET", "/metrics").text):
            for sample in family.samples:
                if sample.labels.get("listener") == f"127.0.0.1:{port}":
                    assert sample.labels["proxy"] == "it"
                    assert sample.labels["upstream"].startswith("127.0.0.1:")
                    found[sample.labels["direction"], sample.name.split("_")[2]] = sample.value
        return found

    def test_bytes_of_connections_that_are_over(self, server: Server, upstream: Upstream) -> None:
        """1000 up, 70 down; a toxic that drops shows as received and not sent."""
        port = server.add_proxy(upstream.address)
        client, far = upstream.pair(port)
        client.sendall(bytes(1000))
        assert len(read(far, 1000)) == 1000
        far.sendall(bytes(70))
        assert len(read(client, 70)) == 70
        server.add_toxic("timeout", "upstream")
        client.sendall(bytes(5))
        time.sleep(0.1)  # nothing shows outside when a byte was dropped
        client.close()
        assert ending(far) == "FIN"
        expected = {
            ("upstream", "received"): 1005,
            ("upstream", "sent"): 1000,
            ("downstream", "received"): 70,
            ("downstream", "sent"): 70,
        }
        deadline_s = time.monotonic() + 5
        while self.bytes_of(server, port) != expected and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert self.bytes_of(server, port) == expected
