"""What the embedded engine does better than the real server, on purpose: each point is a fault observed there, or an extension."""

from __future__ import annotations

import http.client
import json
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatebench.execution.toxiproxy.program import command
from tests.execution.toxiproxy.rig import (
    BESIDE_OTHERS_MS,
    PATIENCE_S,
    PROXY,
    Server,
    Upstream,
    deaf_port,
    echoing,
    elapsed_ms,
    ending,
    free_port,
    read,
    running,
    sending,
)

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def process() -> Iterator[Server]:
    """Start one engine for the module."""
    with running("embedded", allow_remote=("0.0.0.0", "192.0.2.1")) as server:
        yield server


class TestResets:
    def test_live_connections_too(self, server: Server, upstream: Upstream) -> None:
        """A connection that was open before the toxic came is reset, not merely closed."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("reset_peer", "upstream")
        client.sendall(b"x")
        assert (ending(client), ending(far)) == ("RST", "RST")

    def test_the_wait_can_be_interrupted(self, server: Server, upstream: Upstream) -> None:
        """Removing the toxic in the middle of its wait takes no time, loses no byte, and resets nobody."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("reset_peer", "upstream", name="r", timeout=60_000)
        client.sendall(b"kept")
        start_ns = time.monotonic_ns()
        server.remove_toxic("r")
        assert elapsed_ms(start_ns) < BESIDE_OTHERS_MS
        assert read(far, 4) == b"kept"
        client.close()
        assert ending(far) == "FIN"

    def test_toxicity_zero_leaves_no_trace(self, server: Server, upstream: Upstream) -> None:
        """A connection that is spared ends with a FIN."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("reset_peer", "upstream", toxicity=0.0)
        client, far = upstream.pair(port)
        client.sendall(b"x")
        client.shutdown(socket.SHUT_WR)
        assert (ending(far), ending(client)) == ("FIN", "FIN")


class TestVictims:
    def test_the_seed_chooses_them(self, upstream: Upstream) -> None:
        """The same seed has the same victims, another seed has others; more toxicity keeps the old ones; the proxy's name may differ."""
        chosen = {}
        for label, seed, name, toxicity in (
            ("first", 1, "it", 0.3),
            ("again", 1, "other", 0.3),
            ("more", 1, "it", 0.6),
            ("else", 2, "it", 0.3),
        ):
            with running("embedded", seed=seed) as server:
                port = server.add_proxy(upstream.address, name)
                server.add_toxic("timeout", "upstream", proxy=name, name="t", toxicity=toxicity, draw_as="link")
                chosen[label] = upstream.victims(port, 40)
        assert chosen["first"] == {0, 1, 2, 4, 7, 9, 19, 20, 24, 26, 29, 30, 31, 36, 39}  # for ever: runs are compared
        assert chosen["first"] == chosen["again"]
        assert chosen["first"] < chosen["more"]
        assert chosen["first"] != chosen["else"]

    def test_a_connection_keeps_its_fate(self, server: Server, upstream: Upstream) -> None:
        """Other toxics come and go, this one is touched: whoever was spared stays spared."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("latency", "downstream", name="half", toxicity=0.5, latency=60_000)
        pairs = [upstream.pair(port) for _ in range(12)]
        before = spared(pairs)
        server.add_toxic("noop", "downstream", name="n")
        server.ask("PATCH", "/proxies/it/toxics/half", {})
        server.remove_toxic("n")
        assert spared(pairs) == before
        assert len(set(before)) == 2


class TestTimeToLive:
    def test_a_toxic_leaves_by_itself(self, server: Server, upstream: Upstream) -> None:
        """After its time, and not before; what it held is released."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        start_ns = time.monotonic_ns()
        server.add_toxic("latency", "upstream", name="slow", latency=60_000, ttl_ms=300)
        client.sendall(b"x")
        assert read(far, 1) == b"x"
        assert elapsed_ms(start_ns) >= 300
        assert server.ask("GET", "/proxies/it/toxics").json == []

    def test_a_proxy_comes_back_by_itself(self, server: Server, upstream: Upstream) -> None:
        """Down for its time, then up on the same port."""
        port = server.add_proxy(upstream.address)
        start_ns = time.monotonic_ns()
        server.ask("PATCH", "/proxies/it", {"enabled": False, "ttl_ms": 2000})
        with pytest.raises(ConnectionRefusedError):
            upstream.connect(port)
        while not server.ask("GET", "/proxies/it").json["enabled"]:
            assert elapsed_ms(start_ns) < PATIENCE_S * 1000
        assert elapsed_ms(start_ns) >= 2000
        upstream.pair(port)

    def test_a_later_order_counts(self, server: Server, upstream: Upstream) -> None:
        """A toxic of the same name, put on after the first was removed, does not inherit its end; nor does a proxy."""
        server.add_proxy(upstream.address)
        server.add_toxic("noop", name="n", ttl_ms=2000)
        server.remove_toxic("n")
        server.add_toxic("noop", name="n")
        server.ask("PATCH", "/proxies/it", {"enabled": False, "ttl_ms": 2000})
        server.ask("PATCH", "/proxies/it", {"enabled": False})
        server.add_toxic("noop", name="clock", ttl_ms=2500)
        while len(server.ask("GET", "/proxies/it/toxics").json) == 2:
            pass
        proxy = server.ask("GET", "/proxies/it").json
        assert [toxic["name"] for toxic in proxy["toxics"]] == ["n"]
        assert proxy["enabled"] is False

    def test_mutations_say_when(self, server: Server) -> None:
        """`at_ns` lies within the call, in the body and, where there is none, in a header."""
        for method, path, content in (
            ("POST", "/proxies", PROXY),
            ("POST", "/proxies/it/toxics", {"type": "noop", "name": "n"}),
            ("PATCH", "/proxies/it/toxics/n", {}),
            ("PATCH", "/proxies/it", {"enabled": False}),
            ("DELETE", "/proxies/it/toxics/n", None),
            ("POST", "/reset", None),
        ):
            start_ns = time.monotonic_ns()
            reply = server.ask(method, path, content)
            at_ns = int(reply.headers["x-gatebench-at-ns"])
            assert start_ns <= at_ns <= time.monotonic_ns()
            assert reply.text == "" or reply.json["at_ns"] == at_ns


class TestGuard:
    @pytest.mark.parametrize(
        "change",
        [{"listen": "[::]:0"}, {"listen": "192.0.2.9:0"}, {"upstream": "192.0.2.9:80"}, {"upstream": "example.org:80"}],
    )
    def test_beyond_loopback_is_refused(self, server: Server, change: dict[str, str]) -> None:
        """403 with the cure, on creation, update and populate; nothing is changed."""
        host = next(iter(change.values())).rpartition(":")[0].strip("[]")
        for name in ("it", "other"):
            server.add_proxy("127.0.0.1:1", name)
        for method, path, content in (
            ("POST", "/proxies", PROXY | {"name": "new"} | change),
            ("PATCH", "/proxies/it", change),
            ("POST", "/populate", [PROXY | {"name": "new"} | change]),
        ):
            reply = server.ask(method, path, content)
            assert reply.status == 403
            assert f"--allow-remote {host}" in reply.json["error"]
        proxies = server.ask("GET", "/proxies").json
        assert sorted(proxies) == ["it", "other"]
        assert all(proxy["enabled"] and proxy["upstream"] == "127.0.0.1:1" for proxy in proxies.values())

    def test_what_was_allowed_passes(self, server: Server) -> None:
        """The engine was started with --allow-remote for these two."""
        server.add_proxy("192.0.2.1:80")
        reply = server.ask("POST", "/proxies", PROXY | {"name": "open", "listen": "0.0.0.0:0"})
        assert reply.json["listen"].startswith("0.0.0.0:")

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "192.0.2.1"])
    def test_foreign_host_headers(self, server: Server, host: str) -> None:
        """A page that had its name resolve to 127.0.0.1 does not get in."""
        assert server.ask("GET", "/proxies", Host=host).status == 403

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:8474"])
    def test_own_host_headers(self, server: Server, host: str) -> None:
        """The names of this machine, with any port."""
        assert server.ask("GET", "/proxies", Host=host).status == 200


class TestStrictness:
    @pytest.mark.parametrize(
        "content",
        [
            {"type": "bandwidth", "attributes": {"rate": -1}},
            {"type": "latency", "attributes": {"latency": -1}},
            {"type": "noop", "toxicity": 1.5},
            {"type": "noop", "toxicity": -0.5},
            {"type": "noop", "name": "a/b"},
            {"type": "noop", "ttl_ms": -1},
        ],
    )
    def test_senseless_toxics(self, server: Server, content: dict[str, object]) -> None:
        """400 and no toxic, where the real server accepts, or dies."""
        server.add_proxy("127.0.0.1:1")
        assert server.ask("POST", "/proxies/it/toxics", content).status == 400
        assert server.ask("GET", "/proxies/it/toxics").json == []

    def test_updates_are_whole_or_nothing(self, server: Server) -> None:
        """One bad attribute leaves the others alone."""
        server.add_proxy("127.0.0.1:1")
        server.add_toxic("latency", name="slow", latency=5, jitter=6)
        for attributes in ({"latency": "x", "jitter": 77}, {"jitter": 77, "latency": -1}):
            reply = server.ask("PATCH", "/proxies/it/toxics/slow", {"attributes": attributes, "toxicity": 0.5})
            assert reply.status == 400
        shown = server.ask("GET", "/proxies/it/toxics/slow").json
        assert (shown["attributes"], shown["toxicity"]) == ({"latency": 5, "jitter": 6}, 1)

    def test_a_bad_move_changes_nothing(self, server: Server, upstream: Upstream) -> None:
        """An impossible listen address is refused before the connections are dropped."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        assert server.ask("PATCH", "/proxies/it", {"listen": "nonsense", "upstream": "127.0.0.1:2"}).status == 500
        echoing(far)
        client.sendall(b"x")
        assert read(client, 1) == b"x"
        assert server.ask("GET", "/proxies/it").json["upstream"] == upstream.address


class TestControlNeverWaits:
    def test_an_end_of_all_streams_at_once(self, server: Server, upstream: Upstream) -> None:
        """A hundred connections in full stream are closed by one call, and it waits for none of them."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("latency", "downstream", latency=200)
        pairs = [upstream.pair(port) for _ in range(100)]
        senders = [sending(far, bytes(1_000_000)) for _, far in pairs]
        start_ns = time.monotonic_ns()
        server.ask("PATCH", "/proxies/it", {"enabled": False})
        assert elapsed_ms(start_ns) < BESIDE_OTHERS_MS
        for client, _ in pairs:
            client.close()
        for sender in senders:
            sender.join(PATIENCE_S)
            assert not sender.is_alive()

    def test_a_dead_upstream_holds_nobody_up(self, server: Server) -> None:
        """With a dial that hangs, the API answers, and disabling ends the clients that wait."""
        with deaf_port() as deaf:
            port = server.add_proxy(f"127.0.0.1:{deaf}")
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
                assert ending(client, within_s=0.3) == "open"
                start_ns = time.monotonic_ns()
                server.ask("PATCH", "/proxies/it", {"enabled": False})
                assert elapsed_ms(start_ns) < BESIDE_OTHERS_MS
                assert ending(client) == "FIN"

    @pytest.mark.parametrize("latency", [0, 50])
    def test_a_reader_that_does_not_read_stops_the_writer(
        self, server: Server, upstream: Upstream, latency: int
    ) -> None:
        """The engine holds a bounded part of an endless stream; what it took arrives whole once it is read."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        if latency:
            server.add_toxic("latency", "upstream", latency=latency)
        client.settimeout(1.0)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200_000_000:
                sent += client.send(bytes(65536))
        assert sent < 60_000_000
        client.shutdown(socket.SHUT_WR)
        assert len(read(far, 200_000_000)) == sent


class TestProcess:
    def test_sigterm_is_an_orderly_end(self, upstream: Upstream) -> None:
        """Exit 0; connections end with a FIN; the ports are free at once."""
        with running("embedded") as server:
            port = server.add_proxy(upstream.address)
            client, far = upstream.pair(port)
            idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
            idle.request("GET", "/version")
            idle.getresponse().read()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE_S) == 0
            idle.close()
            assert (ending(client), ending(far)) == ("FIN", "FIN")
            for free in (port, server.port):
                socket.create_server(("127.0.0.1", free)).close()

    def test_a_taken_port_is_one_sentence(self) -> None:
        """Not zero, and no traceback."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = subprocess.run(
                command("embedded", port, 1), capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
        assert done.returncode == 5
        assert (
            done.stderr
            == f"The API cannot listen on 127.0.0.1:{port}: Address already in use. Choose another --port.\n"
        )

    def test_a_file_of_proxies_and_toxics(self, tmp_path: Path, upstream: Upstream) -> None:
        """An object with a list does as well as a list; the toxics act on the first connection, for their time to live."""
        file = tmp_path / "proxies.json"
        toxic = {"type": "limit_data", "stream": "upstream", "attributes": {"bytes": 3}}
        slow = {"type": "latency", "ttl_ms": 3000, "attributes": {"latency": 60_000}}
        wanted = {"name": "it", "listen": f"127.0.0.1:{free_port()}", "upstream": upstream.address}
        file.write_text(json.dumps({"proxies": [wanted | {"toxics": [toxic, slow]}, PROXY | {"name": "other"}]}))
        with running("embedded", more=("--config", str(file))) as server:
            shown = server.ask("GET", "/proxies").json
            assert [(name, len(proxy["toxics"])) for name, proxy in shown.items()] == [("it", 2), ("other", 0)]
            client, far = upstream.pair(int(wanted["listen"].rpartition(":")[2]))
            client.sendall(b"four")
            assert read(far, 4) == b"fou"
            deadline_s = time.monotonic() + PATIENCE_S
            while len(server.ask("GET", "/proxies/it/toxics").json) == 2:
                assert time.monotonic() < deadline_s

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "EOF."),
            ("{}", 'write an array of proxies, or {"proxies": [...]}.'),
            ('[{"name":"a"}]', "missing required field: upstream at proxy 1."),
            ('[{"name":"a","upstream":"x"}]', "address x: missing port in address."),
            ('[{"name":"a","upstream":"127.0.0.1:1","listen":"x"}]', "address x: missing port in address."),
            ('[{"name":"a","upstream":"192.0.2.1:1"}]', "--allow-remote 192.0.2.1"),
            (
                '[{"name":"a","upstream":"127.0.0.1:1","toxics":[{"type":"x"}]}]',
                "invalid toxic type at toxic 1 at proxy 1.",
            ),
            (None, "it cannot be read: No such file or directory."),
        ],
    )
    def test_a_broken_file_is_one_sentence(self, tmp_path: Path, content: str | None, said: str) -> None:
        """Exit 2, the file, what is wrong with it and the cure; nothing is started."""
        file = tmp_path / "proxies.json"
        if content is not None:
            file.write_text(content)
        arguments = [*command("embedded", free_port(), 1), "--config", str(file)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith(f"{file}: ")
        assert said in done.stderr

    def test_a_file_with_a_taken_port_starts_nothing(self, tmp_path: Path) -> None:
        """Exit 5 and a sentence: the file is right, the machine is not ready for it."""
        file = tmp_path / "proxies.json"
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            file.write_text(json.dumps([PROXY | {"name": "first"}, PROXY | {"listen": listen}]))
            arguments = [*command("embedded", free_port(), 1), "--config", str(file)]
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr == f"{file}: listen tcp {listen}: bind: address already in use. Nothing was started.\n"

    def test_the_api_stays_on_loopback(self) -> None:
        """Another host is refused with the cure."""
        arguments = [*command("embedded", free_port(), 1), "--host", "0.0.0.0"]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (5, 1)
        assert "use --host 127.0.0.1" in done.stderr

    def test_nothing_heavy_is_loaded(self) -> None:
        """The engine starts in a fraction of a second because it loads none of these."""
        code = (
            "import gatebench.execution.toxiproxy.server, sys;"
            "print([m for m in ('pandas', 'pyarrow', 'pydantic', 'numpy', 'requests', 'locust') if m in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "[]\n"


def spared(pairs: list[tuple[socket.socket, socket.socket]]) -> list[bool]:
    """Tell, for each connection, whether a byte from the upstream reaches the client; a second is for ever here."""
    for _, far in pairs:
        far.sendall(b"x")
    deadline_s = time.monotonic() + 1.0
    got: set[socket.socket] = set()
    while (left_s := deadline_s - time.monotonic()) > 0:
        for client in select.select([client for client, _ in pairs if client not in got], [], [], left_s)[0]:
            assert client.recv(1) == b"x"
            got.add(client)
    return [client in got for client, _ in pairs]
