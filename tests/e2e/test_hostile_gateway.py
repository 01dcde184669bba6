"""A gateway that answers with scripts in every field it controls: the run is read, and its report runs none of them."""

from __future__ import annotations

import pytest

from tests.e2e.bench_command import Bench
from tests.e2e.browser import Browser, program

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(program() is None, reason="no Chromium is installed")]

GATEWAY = r'''"""Puts a script into status line, headers, body, stream, metrics, log and version, and sometimes fails."""

import itertools
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCRIPT = "<script>window.pwned=1</script><img src=x onerror='window.pwned=1'>\"'&}};--></title></textarea>"
if len(sys.argv) < 2:
    raise SystemExit(f"version 1.0{SCRIPT}")
numbers = itertools.count()


class Hostile(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/metrics":
            text = f'# HELP evil {SCRIPT}\n# TYPE evil gauge\nevil{{what="{SCRIPT!r}"}} 1\nprocess_open_fds 7\n'.encode()
            status = 200
        else:
            number = next(numbers)
            status = (200, 200, 500, 429, 302, 418)[number % 6]
            text = (f'{{"id": "{SCRIPT}", "model": "{SCRIPT}", "error": {{"message": "{SCRIPT}", "type": "{SCRIPT}"}},'
                    f'"system_fingerprint": "gb1~{SCRIPT}~1~1~0123456789abcdef~{SCRIPT}~1~"}}').encode()
            print(f"request {number} {SCRIPT}", file=sys.stderr, flush=True)
        self.send_response(status, SCRIPT)
        for name in ("server", "x-cache", "cache-status", "age", "retry-after", "location", "x-request-id", "via"):
            self.send_header(name, SCRIPT)
        self.send_header("x-gatebench-stamp", f"gb1~{SCRIPT}~1~1~0123456789abcdef~{SCRIPT}~1~")
        self.send_header("content-type", f"text/html; charset={SCRIPT}")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *words: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hostile).serve_forever()
'''
TARGET = """
description = "answers with scripts"
metrics = "/metrics"
version = { command = ["PYTHON", "{{ folder }}/gateway.py"], pattern = "version (.*)" }

[[process]]
name = "hostile"
command = ["PYTHON", "{{ folder }}/gateway.py", "{{ port }}"]
ready = { path = "/metrics" }
"""


def test_a_hostile_gateway_is_inert(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What it says stands on the page as text where it stands at all; nothing of it runs, loads or complains."""
    import sys

    bench.scenario(
        "brief",
        traffic="mix(chat(prompt_words=3, max_tokens=4), chat(stream=True, prompt_words=3, max_tokens=4), models())",
        checks='check("requests_lost", at_most=0), check("availability", at_least=0.9, estimate="point")',
        more="dispatch_limit_ms=2000,",
    )
    bench.target("hostile", TARGET.replace("PYTHON", sys.executable), gateway_py=GATEWAY)
    done = bench("run", "brief", "--target", "hostile")
    assert done.code in {1, 3}, done.out + done.err
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        browser.open(bench.newest() / "report.html")
        assert browser.evaluate("typeof window.pwned") == "undefined"
        assert browser.evaluate("document.querySelectorAll('img, script[src], iframe').length") == 0
        text = browser.evaluate("document.documentElement.textContent")
        assert "version" in text
        assert "1.0<script>window.pwned=1</script><img src=x" in text
        assert browser.evaluate("document.querySelectorAll('svg[role=img]').length") >= 5
        assert browser.complaints == []
        assert len(browser.requests) == 1
