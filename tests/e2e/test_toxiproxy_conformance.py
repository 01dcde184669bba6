"""The HTTP API, asked from outside: the embedded engine answers as the real Toxiproxy does, status by status and word by word."""

from __future__ import annotations

import http.client
import json
import re
import socket
from typing import Any

import pytest

from tests.execution.toxiproxy.rig import PATIENCE_S, PROXY, Server, create, free_port

pytestmark = pytest.mark.e2e


class TestProtocol:
    def test_version(self, server: Server) -> None:
        """The very bytes, up to the version itself."""
        reply = server.ask("GET", "/version")
        assert reply.status == 200
        assert re.fullmatch(r'\{"version": "[^"]+"\}\n', reply.text)
        assert reply.headers["content-type"] == "application/json;charset=utf-8"

    @pytest.mark.parametrize("path", ["/", "/nope", "/proxies/", "/proxies/it/nope", "/proxies/it/toxics/t/more"])
    def test_unknown_paths(self, server: Server, path: str) -> None:
        """404 in plain text, without a request id."""
        reply = server.ask("GET", path)
        assert (reply.status, reply.text) == (404, "404 page not found\n")
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert "x-toxiproxy-request-id" not in reply.headers

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", "/proxies"),
            ("DELETE", "/version"),
            ("GET", "/reset"),
            ("HEAD", "/proxies"),
            ("PUT", "/proxies/it/toxics"),
        ],
    )
    def test_wrong_methods(self, server: Server, method: str, path: str) -> None:
        """405 and nothing else."""
        reply = server.ask(method, path)
        assert (reply.status, reply.text) == (405, "")

    def test_browsers_are_kept_out(self, server: Server) -> None:
        """A User-Agent that begins with Mozilla/ is refused on known paths; others pass."""
        reply = server.ask("GET", "/proxies", User_Agent="Mozilla/5.0")
        assert (reply.status, reply.text) == (403, "User agent not allowed\n")
        assert server.ask("GET", "/nope", User_Agent="Mozilla/5.0").status == 404
        assert server.ask("GET", "/proxies", User_Agent="mozilla").status == 200

    def test_answers_carry_a_request_id(self, server: Server) -> None:
        """One per request."""
        ids = {server.ask("GET", "/proxies").headers["x-toxiproxy-request-id"] for _ in range(3)}
        assert len(ids) == 3

    def test_errors_have_one_shape(self, server: Server) -> None:
        """An error is JSON in plain text, with a newline."""
        reply = server.ask("GET", "/proxies/nope")
        assert (reply.status, reply.text) == (404, '{"error":"proxy not found","status":404}\n')
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert reply.headers["x-content-type-options"] == "nosniff"

    def test_one_connection_serves_many_requests(self, server: Server) -> None:
        """Keep-alive, with an empty body and without one."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        asked = [
            ("POST", "/reset", b""),
            ("POST", "/proxies", json.dumps(PROXY).encode()),
            ("DELETE", "/proxies/it", None),
        ]
        statuses = []
        for method, path, body in asked:
            connection.request(method, path, body)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        assert statuses == [204, 201, 204]

    def test_metrics(self, server: Server) -> None:
        """Prometheus text for any method, with a request id like every other answer."""
        create(server)
        for method in ("GET", "POST", "DELETE"):
            reply = server.ask(method, "/metrics")
            assert reply.status == 200
            assert reply.headers["content-type"].startswith("text/plain; version=0.0.4; charset=utf-8")
            assert "x-toxiproxy-request-id" in reply.headers
        head = server.ask("HEAD", "/metrics")
        assert (head.status, head.text) == (200, "")

    @pytest.mark.parametrize("path", ["/proxies?x=1", "/version?"])
    def test_query_strings_are_ignored(self, server: Server, path: str) -> None:
        """They mean nothing here."""
        assert server.ask("GET", path).status == 200

    def test_double_slashes_are_redirected(self, server: Server) -> None:
        """301 to the path without them."""
        reply = server.ask("GET", "//proxies")
        assert (reply.status, reply.headers["location"]) == (301, "/proxies")

    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
    @pytest.mark.parametrize(
        "path", ["/version", "/reset", "/populate", "/proxies", "/proxies/it", "/proxies/it/toxics"]
    )
    def test_every_route_and_method(self, server: Server, method: str, path: str) -> None:
        """What is routed is answered, what is not is 405; a body of nonsense never does more than 400."""
        create(server)
        allowed = {
            "/version": {"GET"},
            "/reset": {"POST"},
            "/populate": {"POST"},
            "/proxies": {"GET", "POST"},
            "/proxies/it": {"GET", "POST", "PATCH", "DELETE"},
            "/proxies/it/toxics": {"GET", "POST"},
        }[path]
        reply = server.ask(method, path, b"bogus")
        reads_no_body = method in ("GET", "DELETE") or path == "/reset"
        assert reply.status == (
            405 if method not in allowed else {"GET": 200}.get(method, 204) if reads_no_body else 400
        )


class TestProxies:
    def test_create_rewrites_listen(self, server: Server) -> None:
        """A free port becomes a real one, a name an address; the proxy is shown as it is."""
        proxy = create(server, listen="localhost:0")
        assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d+", proxy["listen"])
        assert proxy["enabled"] is True
        assert proxy["toxics"] == []
        shown = server.ask("GET", "/proxies/it")
        assert shown.headers["content-type"] == "application/json"
        assert shown.json.items() <= proxy.items()
        assert create(server, name="six", listen="[::1]:0")["listen"].startswith("[::1]:")

    def test_a_disabled_proxy_keeps_its_text(self, server: Server) -> None:
        """Nothing is bound before the proxy is enabled."""
        assert create(server, listen="localhost:0", enabled=False)["listen"] == "localhost:0"
        reply = server.ask("PATCH", "/proxies/it", {"enabled": True})
        assert reply.json["listen"].startswith("127.0.0.1:")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "bad request body: EOF"),
            ({}, "missing required field: name"),
            (b"null", "missing required field: name"),
            ({"name": "x"}, "missing required field: upstream"),
        ],
    )
    def test_bad_creations(self, server: Server, content: Any, message: str) -> None:
        """400, in the very words."""
        reply = server.ask("POST", "/proxies", content)
        assert reply.json == {"error": message, "status": 400}

    @pytest.mark.parametrize("content", [b"bogus", b"[]", b'"x"', b'{"name":1}', b'{"name":"x","enabled":"yes"}'])
    def test_malformed_bodies(self, server: Server, content: bytes) -> None:
        """400, with the prefix."""
        reply = server.ask("POST", "/proxies", content)
        assert reply.status == 400
        assert reply.json["error"].startswith("bad request body: ")

    def test_lenient_reading(self, server: Server) -> None:
        """Names in any case, null for the default, unknown names and trailing garbage ignored, any content type."""
        body = b'{"NAME":"it","Upstream":"127.0.0.1:1","listen":"127.0.0.1:0","enabled":null,"colour":3} trailing'
        reply = server.ask("POST", "/proxies", body, Content_Type="text/html")
        assert reply.status == 201
        assert reply.json["enabled"] is True

    def test_a_name_is_taken_once(self, server: Server) -> None:
        """409."""
        create(server)
        reply = server.ask("POST", "/proxies", PROXY)
        assert reply.json == {"error": "proxy already exists", "status": 409}

    def test_a_port_is_taken_once(self, server: Server) -> None:
        """500 in the operating system's words, and no proxy is left."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            reply = server.ask("POST", "/proxies", PROXY | {"listen": listen})
        assert reply.json == {"error": f"listen tcp {listen}: bind: address already in use", "status": 500}
        assert server.ask("GET", "/proxies").json == {}

    @pytest.mark.parametrize(
        ("listen", "message"),
        [
            ("nonsense", "listen tcp: address nonsense: missing port in address"),
            ("127.0.0.1:99999", "listen tcp: address 99999: invalid port"),
        ],
    )
    def test_impossible_addresses(self, server: Server, listen: str, message: str) -> None:
        """500 in the very words."""
        assert server.ask("POST", "/proxies", PROXY | {"listen": listen}).json == {"error": message, "status": 500}

    def test_list_is_sorted(self, server: Server) -> None:
        """By name."""
        for name in ("b", "c", "a"):
            create(server, name=name)
        assert list(server.ask("GET", "/proxies").json) == ["a", "b", "c"]

    def test_names_are_escaped_as_go_does(self, server: Server) -> None:
        """`<` and `&` never appear bare in a body, and the name's URL works."""
        create(server, name="n<&é")
        assert "n\\u003c\\u0026é" in server.ask("GET", "/proxies").text
        assert server.ask("DELETE", "/proxies/n%3C%26%C3%A9").status == 204

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_update(self, server: Server, method: str) -> None:
        """What is not given stays; the name cannot change; the toxics survive a new upstream."""
        before = create(server)
        server.add_toxic("noop")
        after = server.ask(method, "/proxies/it", {"name": "other", "upstream": "127.0.0.1:2", "enabled": None}).json
        assert (after["name"], after["listen"], after["upstream"]) == ("it", before["listen"], "127.0.0.1:2")
        assert (after["enabled"], len(after["toxics"])) == (True, 1)

    def test_update_of_listen(self, server: Server) -> None:
        """The old port refuses, the new one accepts; another spelling of the same address changes nothing."""
        old, new = create(server)["listen"], f"127.0.0.1:{free_port()}"
        port = old.rpartition(":")[2]
        assert server.ask("PATCH", "/proxies/it", {"listen": f"localhost:{port}"}).json["listen"] == old
        assert server.ask("PATCH", "/proxies/it", {"listen": new}).json["listen"] == new
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE_S)
        socket.create_connection(("127.0.0.1", int(new.rpartition(":")[2])), timeout=PATIENCE_S).close()

    def test_update_to_a_taken_port_leaves_it_disabled(self, server: Server) -> None:
        """500, and the proxy is down with the new address."""
        create(server)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            assert server.ask("PATCH", "/proxies/it", {"listen": listen}).status == 500
        proxy = server.ask("GET", "/proxies/it").json
        assert (proxy["listen"], proxy["enabled"]) == (listen, False)

    def test_update_to_nonsense_changes_nothing(self, server: Server) -> None:
        """500 without the prefix of a bind, and the proxy stays where it was."""
        before = create(server)
        reply = server.ask("PATCH", "/proxies/it", {"listen": "nonsense"})
        assert reply.json == {"error": "address nonsense: missing port in address", "status": 500}
        after = server.ask("GET", "/proxies/it").json
        assert (after["listen"], after["enabled"]) == (before["listen"], True)

    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
    def test_unknown_proxy(self, server: Server, method: str) -> None:
        """404, before the body is looked at."""
        for path in ("/proxies/nope", "/proxies/nope/toxics/t"):
            assert server.ask(method, path, b"bogus").json == {"error": "proxy not found", "status": 404}

    def test_delete(self, server: Server) -> None:
        """204 without a body, and the name is free again."""
        create(server)
        reply = server.ask("DELETE", "/proxies/it")
        assert (reply.status, reply.text) == (204, "")
        create(server)


class TestToxics:
    def test_create_and_show(self, server: Server) -> None:
        """200, with a default name, all attributes in their order, and toxicity 1."""
        create(server)
        reply = server.add_toxic("latency", latency=100)
        assert re.match(r'\{"attributes":\{"latency":100,"jitter":0\},"name":"latency_downstream",', reply.text)
        expected = {
            "attributes": {"latency": 100, "jitter": 0},
            "name": "latency_downstream",
            "type": "latency",
            "stream": "downstream",
            "toxicity": 1,
        }
        assert server.ask("GET", "/proxies/it/toxics/latency_downstream").json == expected
        assert server.ask("GET", "/proxies/it/toxics").json == [expected]
        assert server.ask("GET", "/proxies/it").json["toxics"] == [expected]

    @pytest.mark.parametrize(
        ("type_name", "attributes"),
        [
            ("noop", []),
            ("latency", ["latency", "jitter"]),
            ("bandwidth", ["rate"]),
            ("timeout", ["timeout"]),
            ("reset_peer", ["timeout"]),
            ("slow_close", ["delay"]),
            ("limit_data", ["bytes"]),
        ],
    )
    def test_types_and_their_attributes(self, server: Server, type_name: str, attributes: list[str]) -> None:
        """All are shown, in their order, with 0 when they are not set."""
        create(server)
        reply = server.ask("POST", "/proxies/it/toxics", {"type": type_name})
        assert list(reply.json["attributes"].items()) == [(name, 0) for name in attributes]

    def test_a_slicer_and_its_attributes(self, server: Server) -> None:
        """The one whose first attribute has no usable default."""
        create(server)
        reply = server.ask("POST", "/proxies/it/toxics", {"type": "slicer", "attributes": {"average_size": 9}})
        assert list(reply.json["attributes"].items()) == [("average_size", 9), ("size_variation", 0), ("delay", 0)]

    @pytest.mark.parametrize(
        ("given", "shown"), [("1", "1"), ("1.0", "1"), ("0", "0"), ("0.25", "0.25"), ("null", "1")]
    )
    def test_toxicity_is_shown_shortest(self, server: Server, given: str, shown: str) -> None:
        """1 and not 1.0; null is the default of 1."""
        create(server)
        body = f'{{"type":"noop","toxicity":{given}}}'
        assert f'"toxicity":{shown}' in server.ask("POST", "/proxies/it/toxics", body.encode()).text

    @pytest.mark.parametrize("stream", ["upstream", "downstream", "UpStream", None])
    def test_default_names(self, server: Server, stream: str | None) -> None:
        """Type and stream as it was given; without a stream it is downstream."""
        create(server)
        shown = server.ask("POST", "/proxies/it/toxics", {"type": "noop", "stream": stream}).json
        assert (shown["name"], shown["stream"]) == (f"noop_{stream or 'downstream'}", stream or "downstream")

    def test_names_are_unique_across_directions(self, server: Server) -> None:
        """One name, one toxic."""
        create(server)
        server.add_toxic("noop", "upstream", name="n")
        reply = server.ask("POST", "/proxies/it/toxics", {"type": "latency", "stream": "downstream", "name": "n"})
        assert reply.json == {"error": "toxic already exists", "status": 409}

    def test_a_name_is_free_again(self, server: Server) -> None:
        """After its toxic was removed."""
        create(server)
        for _ in range(2):
            server.add_toxic("noop", name="n")
            server.remove_toxic("n")

    @pytest.mark.parametrize(
        ("content", "wrong"),
        [
            ({"toxicity": "x"}, "toxicity"),
            ({"attributes": []}, "attributes"),
            ({"attributes": {"bytes": 1.5}}, "bytes"),
        ],
    )
    def test_updates_are_typed_too(self, server: Server, content: Any, wrong: str) -> None:
        """400, and the field is named."""
        create(server)
        server.add_toxic("limit_data", name="n", bytes=7)
        reply = server.ask("PATCH", "/proxies/it/toxics/n", content)
        assert reply.status == 400
        assert reply.json["error"].startswith("bad request body: ")
        assert wrong in reply.json["error"]
        assert server.ask("GET", "/proxies/it/toxics/n").json["attributes"] == {"bytes": 7}

    def test_upstream_ones_come_first(self, server: Server) -> None:
        """Each direction in the order of insertion; a stream is echoed as it was given."""
        create(server)
        for stream, name in (("downstream", "a"), ("UPSTREAM", "b"), ("downstream", "c"), ("upstream", "d")):
            server.add_toxic("noop", stream, name=name)
        shown = server.ask("GET", "/proxies/it/toxics").json
        assert [toxic["name"] for toxic in shown] == ["b", "d", "a", "c"]
        assert shown[0]["stream"] == "UPSTREAM"

    @pytest.mark.parametrize(
        ("content", "status", "message"),
        [
            ({"stream": "sideways", "type": "nope"}, 400, "stream was invalid, can be either upstream or downstream"),
            ({"stream": "", "type": "latency"}, 400, "stream was invalid, can be either upstream or downstream"),
            ({"type": "nope", "name": "taken"}, 400, "invalid toxic type"),
            ({"type": "Latency"}, 400, "invalid toxic type"),
            ({"type": "down"}, 400, "invalid toxic type"),
            ({}, 400, "invalid toxic type"),
            ({"type": "noop", "name": "taken"}, 409, "toxic already exists"),
            ({"type": "latency", "name": "taken", "attributes": {"latency": "x"}}, 409, "toxic already exists"),
        ],
    )
    def test_what_is_wrong_is_said_in_this_order(self, server: Server, content: Any, status: int, message: str) -> None:
        """Stream, type, duplicate name, attributes."""
        create(server)
        server.add_toxic("noop", name="taken")
        assert server.ask("POST", "/proxies/it/toxics", content).json == {"error": message, "status": status}

    @pytest.mark.parametrize("value", ["100.0", "1e2", "1.5", '"100"', "true", "9223372036854775808", "[]"])
    def test_attributes_are_integers(self, server: Server, value: str) -> None:
        """Everything else is 400, and no toxic is left; null is 0."""
        create(server)
        body = '{"type":"latency","attributes":{"latency":%s}}'
        reply = server.ask("POST", "/proxies/it/toxics", (body % value).encode())
        assert reply.status == 400
        assert reply.json["error"].startswith("bad request body: ")
        assert server.ask("GET", "/proxies/it/toxics").json == []
        assert server.ask("POST", "/proxies/it/toxics", (body % "null").encode()).json["attributes"]["latency"] == 0

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_update_merges(self, server: Server, method: str) -> None:
        """Only toxicity and attributes change, and of those only what is given."""
        create(server)
        server.add_toxic("latency", name="slow", latency=100, jitter=10)
        content = {"name": "x", "type": "noop", "stream": "upstream", "toxicity": 0.5, "attributes": {"LATENCY": 7}}
        shown = server.ask(method, "/proxies/it/toxics/slow", content).json
        assert shown["attributes"] == {"latency": 7, "jitter": 10}
        assert (shown["name"], shown["type"], shown["stream"], shown["toxicity"]) == (
            "slow",
            "latency",
            "downstream",
            0.5,
        )
        assert server.ask(method, "/proxies/it/toxics/slow", {}).json["attributes"] == {"latency": 7, "jitter": 10}
        assert server.ask(method, "/proxies/it/toxics/slow", b"bogus").status == 400

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_unknown_toxic(self, server: Server, method: str) -> None:
        """404."""
        create(server)
        reply = server.ask(method, "/proxies/it/toxics/nope", {})
        assert reply.json == {"error": "toxic not found", "status": 404}

    def test_delete(self, server: Server) -> None:
        """204 without a body."""
        create(server)
        server.add_toxic("noop", name="n")
        reply = server.ask("DELETE", "/proxies/it/toxics/n")
        assert (reply.status, reply.text) == (204, "")
        assert server.ask("GET", "/proxies/it/toxics").text == "[]"
