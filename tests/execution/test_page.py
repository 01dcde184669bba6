"""A gateway's page is asked for once and within its time; whatever answers instead is named and hurts nobody."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatebench.execution.page import PageReader
from gatebench.plan import Endpoint
from gatebench.run.pages import MOST_PAGE_BYTES, Page

BODY = b"a 1\nb 2\n"
OK = b"HTTP/1.1 200 OK\r\n"


def whole(body: bytes) -> bytes:
    """An answer with its length."""
    return OK + b"content-length: %d\r\n\r\n" % len(body) + body


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None], path: str | None = None) -> Iterator[Endpoint]:
    """Listen until the end of the block; `answer` has each connection once its request is there."""
    ended = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            with contextlib.suppress(OSError):
                answer(self.request)

    base = socketserver.ThreadingUnixStreamServer if path else socketserver.ThreadingTCPServer
    with base(path or ("127.0.0.1", 0), Handler) as server:  # type: ignore[arg-type]  # each of its own kind
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield Endpoint(unix=path) if path else Endpoint(host="127.0.0.1", port=server.socket.getsockname()[1])
        finally:
            ended.set()
            server.shutdown()


def sends(*parts: bytes, pause_s: float = 0.0) -> Callable[[socket.socket], None]:
    """An answer that sends its parts, and hangs up."""

    def answer(sock: socket.socket) -> None:
        for part in parts:
            sock.sendall(part)
            time.sleep(pause_s)

    return answer


def read(answer: Callable[[socket.socket], None], within_s: float = 10.0) -> Page:
    """What is read of a server that answers so."""
    with serving(answer) as at:
        return PageReader(at, "/metrics").read(within_s)


@pytest.mark.parametrize(
    "answer",
    [
        whole(BODY),
        OK + b"\r\n" + BODY,
        OK + b"transfer-encoding: chunked\r\n\r\n4\r\na 1\n\r\n4\r\nb 2\n\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + whole(BODY),
    ],
    ids=["length", "until the end", "chunks", "interim"],
)
def test_a_page_is_read(answer: bytes) -> None:
    """However the answer says where it ends."""
    page = read(sends(answer))
    assert (page.body, page.whole, page.why) == (BODY, True, "")
    assert abs(page.at_ns - time.monotonic_ns()) < 5e9


def test_the_request_names_path_and_host() -> None:
    """One GET, no key, and the text format is asked for."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                seen.append(sock.recv(65_536))
                sock.sendall(whole(BODY))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        PageReader(Endpoint(host="127.0.0.1", port=port), "/gw/metrics").read(10.0)
        thread.join(10.0)
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /gw/metrics HTTP/1.1"
    assert set(lines[1:-2]) == {f"host: 127.0.0.1:{port}", "accept: text/plain;version=0.0.4", "connection: close"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (sends(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"), "it answers 404"),
        (sends(b"HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\ncontent-length: 0\r\n\r\n"), "it answers 302"),
        (sends(), "it hung up"),
        (sends(b"\x00\x01garbage\r\n\r\n"), "its answer is no HTTP"),
        (sends(OK + b"x: " + b"y" * 100_000 + b"\r\n\r\n"), "its answer is no HTTP"),
        (sends(OK + b"content-length: 100\r\n\r\na 1\n"), "it hung up"),
        (sends(OK + b"transfer-encoding: chunked\r\n\r\nff\r\na 1\n"), "it hung up"),
    ],
    ids=["404", "elsewhere", "hangs up", "garbage", "long header", "short", "short chunk"],
)
def test_what_is_no_page_is_named(answer: Callable[[socket.socket], None], why: str) -> None:
    """The reason, once for each."""
    assert read(answer).why == why


@pytest.mark.parametrize(
    "answer",
    [
        sends(pause_s=5.0),
        sends(b"", pause_s=5.0),
        sends(*([b"H"] * 100), pause_s=0.05),
        sends(OK, *([b"x: y\r\n"] * 100), pause_s=0.05),
        sends(OK + b"\r\n", *([b"a 1\n"] * 100), pause_s=0.05),
    ],
    ids=["silent", "hangs", "status drips", "headers drip", "page drips"],
)
def test_a_page_that_hangs_costs_its_deadline(answer: Callable[[socket.socket], None]) -> None:
    """Also one that always sends a little more: the time is that of the whole page."""

    def hangs(sock: socket.socket) -> None:
        answer(sock)
        time.sleep(10.0)

    began_s = time.monotonic()
    page = read(hangs, within_s=0.4)
    assert page.why == "no answer within 0.4 s"
    assert time.monotonic() - began_s < 4.5


def test_a_page_without_end_is_cut() -> None:
    """Ten megabytes become four, and that is said."""
    page = read(sends(OK + b"\r\n", *([b"a 1\n" * 250_000] * 10)), within_s=10.0)
    assert (len(page.body), page.whole) == (MOST_PAGE_BYTES, False)


def test_nobody_listens_and_nobody_may_be_asked() -> None:
    """A port without a listener, and an address that nobody allowed: no packet leaves for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = Endpoint(host="127.0.0.1", port=free.getsockname()[1])
        assert PageReader(at, "/metrics").read(10.0).why == "nobody listens"
    assert PageReader(Endpoint(host="192.0.2.1", port=80), "/metrics").read(1.0).why == "its address is not allowed"
    assert PageReader(Endpoint(unix="/nowhere/at.all"), "/metrics").read(1.0).why.startswith("it cannot be asked")


def test_a_page_behind_a_unix_socket(tmp_path: Path) -> None:
    """It is asked there, as localhost."""
    with serving(sends(whole(BODY)), str(tmp_path / "s")) as at:
        assert PageReader(at, "/metrics").read(10.0).body == BODY
