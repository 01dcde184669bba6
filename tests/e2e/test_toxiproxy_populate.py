"""The two calls that concern all proxies at once, /populate and /reset: both engines do the same."""

from __future__ import annotations

import pytest

from tests.execution.toxiproxy.rig import PROXY, Server, create

pytestmark = pytest.mark.e2e


class TestMany:
    def test_populate_keeps_replaces_and_leaves(self, server: Server) -> None:
        """The same proxy keeps its toxics, another one is replaced without, absent ones stay, the order is that of the request."""
        same, other = create(server, name="same")["listen"], create(server, name="other")["listen"]
        create(server, name="absent")
        for name in ("same", "other"):
            server.add_toxic("noop", proxy=name)
        wanted = [
            {"name": "other", "listen": other, "upstream": "127.0.0.1:9"},
            {
                "name": "same",
                "listen": same.replace("127.0.0.1", "localhost"),
                "upstream": "127.0.0.1:1",
                "enabled": False,
            },
            {"name": "new", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"},
        ]
        reply = server.ask("POST", "/populate", wanted)
        assert reply.status == 201
        assert [proxy["name"] for proxy in reply.json["proxies"]] == ["other", "same", "new"]
        assert [len(proxy["toxics"]) for proxy in reply.json["proxies"]] == [0, 1, 0]
        assert reply.json["proxies"][1]["enabled"] is True
        assert sorted(server.ask("GET", "/proxies").json) == ["absent", "new", "other", "same"]

    def test_populate_checks_everything_first(self, server: Server) -> None:
        """A missing field is named with its place, and nothing was done."""
        for broken, message in (
            ({"listen": "127.0.0.1:0"}, "missing required field: name at proxy 2"),
            ({"name": "x"}, "missing required field: upstream at proxy 2"),
        ):
            reply = server.ask("POST", "/populate", [PROXY, broken])
            assert reply.json == {"error": message, "status": 400, "proxies": None}
            assert reply.headers["content-type"] == "application/json"
        assert server.ask("GET", "/proxies").json == {}

    def test_populate_stops_at_the_first_failure(self, server: Server) -> None:
        """What was done before it stays, and is shown."""
        broken = PROXY | {"name": "broken", "listen": "nonsense"}
        reply = server.ask("POST", "/populate", [PROXY, broken, PROXY | {"name": "never"}])
        assert reply.status == 500
        assert reply.json["error"] == "listen tcp: address nonsense: missing port in address"
        assert [proxy["name"] for proxy in reply.json["proxies"]] == ["it"]
        assert list(server.ask("GET", "/proxies").json) == ["it"]

    @pytest.mark.parametrize("body", [b"[]", b"null"])
    def test_populate_with_nothing(self, server: Server, body: bytes) -> None:
        """201 and null."""
        reply = server.ask("POST", "/populate", body)
        assert reply.status == 201
        assert reply.json["proxies"] is None

    @pytest.mark.parametrize("body", [b"", b"bogus", b"{}", b"[1]"])
    def test_populate_with_nonsense(self, server: Server, body: bytes) -> None:
        """400."""
        assert server.ask("POST", "/populate", body).status == 400

    def test_reset_enables_and_clears(self, server: Server) -> None:
        """Every proxy is up and clean."""
        create(server, enabled=False)
        create(server, name="poisoned")
        server.add_toxic("latency", proxy="poisoned", latency=1)
        assert server.ask("POST", "/reset").status == 204
        proxies = server.ask("GET", "/proxies").json
        assert [(proxy["enabled"], proxy["toxics"]) for proxy in proxies.values()] == [(True, []), (True, [])]

    def test_populate_twice_in_one_call(self, server: Server) -> None:
        """Two of one name: both are shown, the first is replaced and down."""
        second = PROXY | {"upstream": "127.0.0.1:2"}
        shown = server.ask("POST", "/populate", [PROXY, second]).json["proxies"]
        assert [(proxy["upstream"], proxy["enabled"]) for proxy in shown] == [
            ("127.0.0.1:1", False),
            ("127.0.0.1:2", True),
        ]
        assert server.ask("GET", "/proxies/it").json["upstream"] == "127.0.0.1:2"

    def test_populate_reads_as_leniently_as_the_rest(self, server: Server) -> None:
        """Names in any case, null, unknown names, any content type; `enabled: false` is kept for a new proxy."""
        body = b'[{"NAME":"a","Upstream":"127.0.0.1:1","listen":null,"enabled":false,"colour":1}] trailing'
        reply = server.ask("POST", "/populate", body, Content_Type="text/plain")
        assert reply.status == 201
        assert reply.json["proxies"][0]["enabled"] is False

    def test_reset_leaves_addresses_alone(self, server: Server) -> None:
        """The same listen address and upstream; traffic and toxics of nobody else matter."""
        before = create(server)
        server.add_toxic("limit_data", bytes=1)
        assert server.ask("POST", "/reset", b"ignored").status == 204
        after = server.ask("GET", "/proxies/it").json
        assert (after["listen"], after["upstream"], after["toxics"]) == (before["listen"], before["upstream"], [])
