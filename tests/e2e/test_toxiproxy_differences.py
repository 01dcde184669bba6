"""Where the embedded engine differs from the real Toxiproxy on purpose: every case says what each of the two does.

The real server's side is observed on 2.12, as everything else here; docs/toxiproxy.md has the reasons.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gatebench.execution.toxiproxy.program import command
from tests.execution.toxiproxy.rig import (
    BESIDE_OTHERS_MS,
    PATIENCE_S,
    PROXY,
    Kind,
    Server,
    Upstream,
    create,
    deaf_port,
    echo_ms,
    echoing,
    elapsed_ms,
    ending,
    free_port,
    read,
    received,
    running,
)

pytestmark = pytest.mark.e2e

LATENCY = {"type": "latency", "attributes": {"latency": 20}}


class TestValues:
    @pytest.mark.parametrize(
        ("content", "problems"),
        [
            ({"type": "noop", "toxicity": 1.5}, ['"toxicity" must lie between 0 and 1']),
            ({"type": "noop", "toxicity": -0.5}, ['"toxicity" must lie between 0 and 1']),
            (
                {"type": "latency", "attributes": {"latency": -1, "jitter": -1}},
                ['"latency" of latency must be at least 0 ms', '"jitter" of latency must be at least 0 ms'],
            ),
            ({"type": "timeout", "attributes": {"timeout": -1}}, ['"timeout" of timeout must be at least 0 ms']),
            ({"type": "reset_peer", "attributes": {"timeout": -1}}, ['"timeout" of reset_peer must be at least 0 ms']),
            ({"type": "slow_close", "attributes": {"delay": -1}}, ['"delay" of slow_close must be at least 0 ms']),
            ({"type": "limit_data", "attributes": {"bytes": -1}}, ['"bytes" of limit_data must be at least 0 B']),
            ({"type": "bandwidth", "attributes": {"rate": -1}}, ['"rate" of bandwidth must be at least 0 KB/s']),
            ({"type": "slicer"}, ['"average_size" of slicer must be at least 1 B']),
            (
                {"type": "slicer", "toxicity": 3, "attributes": {"average_size": 0, "size_variation": -1}},
                [
                    '"toxicity" must lie between 0 and 1',
                    '"average_size" of slicer must be at least 1 B',
                    '"size_variation" of slicer must be at least 0 B',
                ],
            ),
        ],
    )
    def test_senseless_values(self, server: Server, content: dict[str, Any], problems: list[str]) -> None:
        """Real: accepted. Ours: 400, every problem in a sentence, and no toxic is left."""
        create(server)
        reply = server.ask("POST", "/proxies/it/toxics", content)
        if server.kind == "toxiproxy":
            assert reply.status == 200
        else:
            assert reply.status == 400
            assert reply.json.get("problems", [reply.json["error"]]) == problems
            assert all(problem in reply.json["error"] for problem in problems)
            assert server.ask("GET", "/proxies/it/toxics").json == []

    @pytest.mark.parametrize(
        ("type_name", "attributes"),
        [("bandwidth", {"rate": -1}), ("slicer", {"average_size": 0})],
    )
    @pytest.mark.parametrize("kind", ["embedded", "toxiproxy"])
    def test_what_kills_the_real_one(
        self, kind: Kind, upstream: Upstream, type_name: str, attributes: dict[str, int]
    ) -> None:
        """Real: accepted, and the first data end the process. Ours: 400, and data pass."""
        with running(kind) as server:
            client, far = upstream.pair(server.add_proxy(upstream.address))
            content = {"type": type_name, "stream": "upstream", "attributes": attributes}
            status = server.ask("POST", "/proxies/it/toxics", content).status
            client.sendall(b"hello")
            if kind == "toxiproxy":
                assert status == 200
                assert server.process.wait(PATIENCE_S) != 0
            else:
                assert status == 400
                assert read(far, 5) == b"hello"

    def test_updates_are_atomic(self, server: Server) -> None:
        """Real: 400, and yet the second attribute is changed. Ours: 400, and nothing is."""
        create(server)
        server.add_toxic("latency", name="slow", latency=5, jitter=6)
        body = b'{"attributes":{"latency":"x","jitter":77}}'
        assert server.ask("PATCH", "/proxies/it/toxics/slow", body).status == 400
        jitter = {"toxiproxy": 77, "embedded": 6}[server.kind]
        assert server.ask("GET", "/proxies/it/toxics/slow").json["attributes"] == {"latency": 5, "jitter": jitter}

    @pytest.mark.parametrize("name", ["a/b", "/"])
    def test_names_that_no_url_reaches(self, server: Server, name: str) -> None:
        """Real: created, and can never be deleted by URL. Ours: 400, for proxies and toxics."""
        create(server)
        toxic = server.ask("POST", "/proxies/it/toxics", {"type": "noop", "name": name})
        assert toxic.status == {"toxiproxy": 200, "embedded": 400}[server.kind]
        if server.kind == "embedded":  # the real one could not be cleaned
            assert server.ask("POST", "/proxies", PROXY | {"name": name}).status == 400

    @pytest.mark.parametrize("upstream_text", ["", "garbage"])
    def test_upstreams_that_are_none(self, server: Server, upstream_text: str) -> None:
        """Real: an update takes them. Ours: 400."""
        create(server)
        reply = server.ask("PATCH", "/proxies/it", {"upstream": upstream_text})
        assert reply.status == {"toxiproxy": 200, "embedded": 400}[server.kind]


class TestExtensions:
    def test_packet_loss(self, server: Server, upstream: Upstream) -> None:
        """Real: invalid toxic type. Ours: chunks vanish at the rate, and the attributes are any number from 0 to 1."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        content = {"type": "packet_loss", "stream": "upstream", "attributes": {"loss_rate": 1, "correlation": 0.25}}
        reply = server.ask("POST", "/proxies/it/toxics", content)
        if server.kind == "toxiproxy":
            assert (reply.status, reply.json["error"]) == (400, "invalid toxic type")
            return
        assert reply.json["attributes"] == {"loss_rate": 1, "correlation": 0.25}
        client.sendall(b"lost")
        assert effects(server)["chunks_dropped"] == 1
        server.remove_toxic("packet_loss_upstream")
        client.sendall(b"kept")
        assert read(far, 4) == b"kept"

    @pytest.mark.parametrize("how", ["create", "populate", "populate object"])
    def test_toxics_come_with_their_proxy(self, server: Server, upstream: Upstream, how: str) -> None:
        """Real: `toxics` are ignored, and an object is no list. Ours: they act from the first connection on."""
        wanted = {"name": "it", "listen": "127.0.0.1:0", "upstream": upstream.address, "toxics": [LATENCY]}
        reply = {
            "create": lambda: server.ask("POST", "/proxies", wanted),
            "populate": lambda: server.ask("POST", "/populate", [wanted]),
            "populate object": lambda: server.ask("POST", "/populate", {"proxies": [wanted]}),
        }[how]()
        if server.kind == "toxiproxy" and how == "populate object":
            assert reply.status == 400
            return
        assert reply.status == 201
        shown = server.ask("GET", "/proxies/it").json
        assert len(shown["toxics"]) == (server.kind == "embedded")
        client, far = upstream.pair(int(shown["listen"].rpartition(":")[2]))
        echoing(far)
        if server.kind == "embedded":
            assert echo_ms(client) >= 20

    def test_bad_toxics_are_bad_proxies(self, server: Server) -> None:
        """Real: ignored. Ours: 400 with the place, and no proxy is there."""
        wanted = PROXY | {"toxics": [LATENCY, {"type": "gremlins"}]}
        reply = server.ask("POST", "/populate", [wanted])
        assert reply.status == {"toxiproxy": 201, "embedded": 400}[server.kind]
        if server.kind == "embedded":
            assert reply.json["error"] == "invalid toxic type at toxic 2 at proxy 1"
        assert len(server.ask("GET", "/proxies").json) == (server.kind == "toxiproxy")

    def test_populate_puts_the_toxics_that_are_asked_for(self, server: Server) -> None:
        """A proxy that stays keeps its toxics when nothing is said. Real: also when something is. Ours: then it has those."""
        wanted = PROXY | {"listen": create(server)["listen"]}
        server.add_toxic("noop", name="old")
        assert server.ask("POST", "/populate", [wanted]).json["proxies"][0]["toxics"][0]["name"] == "old"
        shown = server.ask("POST", "/populate", [wanted | {"toxics": [LATENCY]}]).json["proxies"][0]["toxics"]
        assert [toxic["name"] for toxic in shown] == [
            {"toxiproxy": "old", "embedded": "latency_downstream"}[server.kind]
        ]

    def test_bytes_are_counted_live(self, server: Server, upstream: Upstream) -> None:
        """Real: 0 until the connection ends. Ours: what has passed."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        client.sendall(bytes(1000))
        assert len(read(far, 1000)) == 1000
        assert received(server) == {"toxiproxy": 0, "embedded": 1000}[server.kind]
        client.close()
        assert ending(far) == "FIN"

    def test_effects_are_counted(self, server: Server, upstream: Upstream) -> None:
        """Real: no such metric. Ours: what each toxic has done, also after it is gone."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        server.add_toxic("latency", "upstream", name="slow", latency=1)
        server.add_toxic("limit_data", "upstream", name="limit", bytes=3)
        client.sendall(b"four")
        assert read(far, 9) == b"fou"
        server.remove_toxic("slow")
        if server.kind == "toxiproxy":
            assert effects(server) == {}
        else:
            assert effects(server, "slow")["chunks_delayed"] == 1
            assert effects(server, "limit") == {"connections_hit": 1, "connections_closed": 1, "bytes_dropped": 1}

    def test_populate_names_every_problem(self, server: Server) -> None:
        """Real: the first. Ours: all of them, the first word for word the same."""
        reply = server.ask("POST", "/populate", [{"name": "a"}, {"upstream": "127.0.0.1:1"}])
        assert reply.status == 400
        first, second = "missing required field: upstream at proxy 1", "missing required field: name at proxy 2"
        assert reply.json["error"] == {"toxiproxy": first, "embedded": f"{first}; {second}"}[server.kind]


class TestConnections:
    def test_resets_of_live_connections(self, server: Server, upstream: Upstream) -> None:
        """Opened before the toxic came. Real: FIN. Ours: RST."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        client.sendall(b"x")
        assert read(far, 1) == b"x"  # before that, the real server may still be setting the connection up
        server.add_toxic("reset_peer", "upstream")
        client.sendall(b"x")
        assert ending(client) == {"toxiproxy": "FIN", "embedded": "RST"}[server.kind]

    def test_resets_of_spared_connections(self, server: Server, upstream: Upstream) -> None:
        """At toxicity 0, closed normally. Real: RST all the same. Ours: FIN."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("reset_peer", "upstream", toxicity=0.0)
        client, far = upstream.pair(port)
        client.sendall(b"x")
        client.shutdown(socket.SHUT_WR)
        assert read(far, 1) == b"x"
        assert ending(far) == {"toxiproxy": "RST", "embedded": "FIN"}[server.kind]

    def test_removal_of_a_waiting_reset(self, server: Server, upstream: Upstream) -> None:
        """Real: removal waits until the reset happens. Ours: at once, and nobody is reset."""
        port = server.add_proxy(upstream.address)
        server.add_toxic("reset_peer", "upstream", name="r", timeout=3000)
        client, _far = upstream.pair(port)
        client.sendall(b"x")
        time.sleep(0.1)  # let the data reach the toxic; nothing shows outside when they have
        start_ns = time.monotonic_ns()
        server.remove_toxic("r")
        assert (elapsed_ms(start_ns) > 1500) == (server.kind == "toxiproxy")
        assert ending(client, within_s=1.0) == {"toxiproxy": "RST", "embedded": "open"}[server.kind]

    def test_a_dial_that_hangs(self, server: Server, upstream: Upstream) -> None:
        """A black hole as upstream, then a good one. Real: the client behind it waits. Ours: it does not."""
        with deaf_port() as deaf:
            port = server.add_proxy(f"127.0.0.1:{deaf}")
            stuck = upstream.connect(port)
            assert ending(stuck, within_s=0.2) == "open"
            if server.kind == "embedded":  # the real one's PATCH would hang for as long as the dial
                start_ns = time.monotonic_ns()
                server.ask("PATCH", "/proxies/it", {"upstream": upstream.address})
                assert elapsed_ms(start_ns) < BESIDE_OTHERS_MS
                client, far = upstream.pair(port)
                client.sendall(b"x")
                assert read(far, 1) == b"x"
            stuck.close()

    def test_toxicity_is_drawn_once(self, server: Server, upstream: Upstream) -> None:
        """Sixteen empty updates of a toxic at one half. Real: each draws anew. Ours: a connection keeps its fate."""
        client, far = upstream.pair(server.add_proxy(upstream.address))
        echoing(far)
        server.add_toxic("latency", "upstream", name="half", toxicity=0.5, latency=120)
        fates = set()
        for _ in range(16):
            server.ask("PATCH", "/proxies/it/toxics/half", {})
            fates.add(echo_ms(client) >= 120)
        assert len(fates) == {"toxiproxy": 2, "embedded": 1}[server.kind]

    def test_a_disabled_proxys_port(self, server: Server) -> None:
        """Real: anybody may take it. Ours: it is kept."""
        port = server.add_proxy("127.0.0.1:1")
        server.ask("PATCH", "/proxies/it", {"enabled": False})
        if server.kind == "toxiproxy":
            socket.create_server(("127.0.0.1", port), reuse_port=False).close()
        else:
            with socket.socket() as taker, pytest.raises(OSError, match="in use"):
                taker.bind(("127.0.0.1", port))


class TestConfig:
    @pytest.mark.parametrize("kind", ["embedded", "toxiproxy"])
    def test_a_file_of_proxies(self, tmp_path: Path, upstream: Upstream, kind: Kind) -> None:
        """Both start with the proxies of an array. Real: without their toxics. Ours: with them."""
        port = free_port()
        wanted = {"name": "it", "listen": f"127.0.0.1:{port}", "upstream": upstream.address, "toxics": [LATENCY]}
        file = tmp_path / "proxies.json"
        file.write_text(json.dumps([wanted]))
        with running(kind, more=config_arguments(kind, file)) as server:
            deadline_s = time.monotonic() + PATIENCE_S
            while not server.ask("GET", "/proxies").json and time.monotonic() < deadline_s:
                time.sleep(0.01)  # the real one reads its file beside serving
            (shown,) = server.ask("GET", "/proxies").json.values()
            assert (shown["listen"], shown["enabled"]) == (f"127.0.0.1:{port}", True)
            assert len(shown["toxics"]) == (server.kind == "embedded")
            upstream.pair(port)

    @pytest.mark.parametrize("kind", ["embedded", "toxiproxy"])
    def test_a_broken_file(self, tmp_path: Path, kind: Kind) -> None:
        """Real: it logs, and serves without proxies. Ours: one sentence, exit code 2, nothing is started."""
        file = tmp_path / "proxies.json"
        file.write_text("bogus")
        if kind == "toxiproxy":
            with running(kind, more=config_arguments(kind, file)) as server:
                assert server.ask("GET", "/proxies").json == {}
            return
        arguments = [*command(kind, free_port(), 1), *config_arguments(kind, file)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"{file}: Expecting value")


def config_arguments(kind: Kind, path: Path) -> tuple[str, ...]:
    """Return the arguments with which a server reads a file."""
    return ("-config", str(path)) if kind == "toxiproxy" else ("--config", str(path))


def effects(server: Server, toxic: str | None = None) -> dict[str, float]:
    """Return what a toxic (or any) has done, without the zeros."""
    return {
        sample.labels["effect"]: sample.value
        for family in text_string_to_metric_families(server.ask("GET", "/metrics").text)
        for sample in family.samples
        if sample.name == "gatebench_toxic_effects_total" and sample.value
        if toxic in (None, sample.labels["toxic"])
    }
