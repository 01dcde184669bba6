"""A gateway that chooses where it listens says so in a file, and clients reach it there, in this life and the next."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from gatebench.content import Content
from gatebench.errors import EnvironmentFailure
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.execution.topology.supervisor import Supervisor
from gatebench.execution.topology.topology import Topology
from gatebench.run.folder import RunFolder

pytestmark = pytest.mark.e2e

GATEWAY = """
import http.server, pathlib, sys

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
pathlib.Path(sys.argv[1]).write_text(f"127.0.0.1:{server.server_address[1]}\\n")
server.serve_forever()
"""
TARGET = """
description = "chooses where it listens"
listen = "announced"
path_prefix = "/inner"
headers = { x-config = "{{ providers[0].url }} {{ settings.mode }}" }
settings = { mode = "x" }

[[process]]
name = "gateway"
command = ["{{ python }}", "{{ folder }}/gateway.py", "{{ dir }}/FILE"]
ready = { path = "/", within = "WITHIN" }
"""


def topology(root: Path, supervisor: Supervisor, *, file: str = "address", within: str = "10s") -> Topology:
    """A topology around the gateway, not started yet."""
    folder = root / "targets" / "mine"
    folder.mkdir(parents=True)
    (folder / "gateway.py").write_text(GATEWAY)
    (folder / "target.toml").write_text(TARGET.replace("FILE", file).replace("WITHIN", within))
    plan = make_plan(
        RunRequest(scenario="smoke", target="mine", seed=1),
        Content(root),
        {
            "error_share",
            "silent_truncation",
            "wrong_answer",
        },
    )
    return Topology(plan, RunFolder.create(root / "runs", plan), supervisor)


def asked(there: Topology) -> bytes:
    """What is answered at the entrance."""
    entrance = there.entrance()
    connection = http.client.HTTPConnection(entrance.host, entrance.port, timeout=5.0)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_clients_reach_it_where_it_says(tmp_path: Path) -> None:
    """Through its link, with the prefix and the headers that it wants; and again after it was killed and started anew."""
    with Supervisor("0123abcd") as supervisor:
        there = topology(tmp_path, supervisor)
        there.start()
        there.wait_ready()
        entrance = there.entrance()
        assert (entrance.prefix, entrance.headers) == ("/inner", {"x-config": f"{there.links['provider-a'].url} x"})
        assert asked(there) == b"ok"
        before = there.gateway
        there.take_down("gateway", hard=True)
        there.bring_up("gateway")
        assert there.gateway != before
        assert asked(there) == b"ok"
        there.stop()


def test_who_says_nothing_in_time_is_an_error(tmp_path: Path) -> None:
    """The failure names what was waited for."""
    with Supervisor("0123abcd") as supervisor:
        there = topology(tmp_path, supervisor, file="elsewhere", within="1s")
        with pytest.raises(EnvironmentFailure, match=r"gateway was not ready within 1 s \(HOST:PORT in address\)"):
            there.start()
