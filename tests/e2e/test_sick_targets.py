"""Targets that fail, in a comparison of several: each is named with its last words, and the others are compared."""

from __future__ import annotations

import json
import socket
import sys

import pytest

from tests.e2e.bench_command import Bench

pytestmark = pytest.mark.e2e

HEAD = 'description = "x"\ncapabilities = ["streaming"]\n'
SERVES = """
import http.server, os, sys, threading, time
class Gateway(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        BEHAVIOUR
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer.request_queue_size = 1024
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
"""
DIES = 'sys.stderr.write("out of memory, says the gateway\\n"); sys.stderr.flush(); os._exit(7)'
GARBAGE = 'self.wfile.write(b"NONSENSE\\r\\n\\r\\n"); self.close_connection = True'


def gateway(bench: Bench, name: str, behaviour: str) -> None:
    """Make a target of a small server that does that with every POST."""
    bench.target(
        name,
        HEAD
        + f'[[process]]\nname = "gateway"\ncommand = ["{sys.executable}", "{{{{ folder }}}}/main.py", "{{{{ port }}}}"]\n',
        main_py=SERVES.replace("BEHAVIOUR", behaviour),
    )


def compare(bench: Bench, *sides: str) -> tuple[int, dict[str, object], str]:
    """Compare sides on one short scenario, two rounds each."""
    bench.scenario("short", load='poisson("40/s")', phases='phase("baseline", "2s")', more="dispatch_limit_ms=2000,")
    words = ("--scenario", "short", "--target", ",".join(sides), "--rounds", "2", "--no-floor", "--json")
    done = bench("compare", *words)
    return done.code, json.loads(done.out), done.err


def test_one_that_dies_under_load_and_one_that_answers_garbage(bench: Bench) -> None:
    """The first counts in nothing, its last words are said, and the exit code says incomplete; garbage is errors, and counts."""
    gateway(bench, "dies", DIES)
    gateway(bench, "garbage", GARBAGE)
    code, told, said = compare(bench, "direct", "dies", "garbage", "reference")
    rounds = told["rounds"]
    assert isinstance(rounds, list)
    valid = {
        side: [one["valid"] for one in rounds if one["side"] == side] for side in ("direct", "garbage", "reference")
    }
    assert all(sum(those) == 2 for those in valid.values()), (
        said
    )  # a round that this machine was late for is made again
    assert not any(one["valid"] for one in rounds if one["side"] == "dies")
    died = next(one["why"] for one in rounds if one["side"] == "dies")
    assert "ended by itself" in died and "(exit code 7). It said last: out of memory, says the gateway" in died
    assert "out of memory, says the gateway" in said
    assert code == 3
    assert "No valid round of dies in short" in str(told["sentence"])
    rows = told["rows"]
    assert isinstance(rows, list)
    good = next(row for row in rows if (row["metric"], row["phase"]) == ("availability", "baseline"))
    assert (good["sides"]["garbage"]["median"], good["sides"]["direct"]["median"]) == (0, 1)


def test_one_whose_port_is_taken_and_one_that_does_not_start(bench: Bench) -> None:
    """Before anything starts the one, at its start the other: both are named, the others go on, and exit code 5 says so."""
    bench.target(
        "mute", HEAD + '[[process]]\nname = "gateway"\ncommand = ["sh", "-c", "echo no licence >&2; exit 9"]\n'
    )
    code, told, said = compare(bench, "direct", "mute", "reference")
    assert code == 5 and "no licence" in said and said.count("no licence") == 1
    assert "No valid round of mute in short" in str(told["sentence"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bench.target("taken", f'{HEAD}listen = "127.0.0.1:{port}"\n[[process]]\nname = "gateway"\ncommand = ["true"]\n')
        code, told, said = compare(bench, "direct", "taken", "reference")
    assert code == 5
    assert any("taken is left out: it listens on" in str(one) for one in told["remarks"])  # type: ignore[attr-defined]
    assert [side["label"] for side in told["sides"]] == ["direct", "reference"]  # type: ignore[attr-defined]
