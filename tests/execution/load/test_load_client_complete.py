"""The client over TLS, IPv6 and Unix sockets, with content codings, at a slow reader's pace, and with large bodies."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import pytest

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.client import Client
from gatebench.execution.load.decoding import MOST_DECODED, DecodingReply
from gatebench.execution.load.reply import Reply
from gatebench.plan import DeadlinesPlan, Endpoint, TlsPlan
from tests.certificates import authority, leaf
from tests.execution.load.talking import WIRE, verdict

S = 1_000_000_000
PATIENT = DeadlinesPlan(connect_ns=20 * S, read_ns=20 * S, total_ns=30 * S)
Talk = Callable[[socket.socket, int], None]
STAMP = b'{"id":"chatcmpl-gb1~provider-a~7~5~00000000000000ab~tenant-0~2500~"}'


def answer(body: bytes, headers: bytes = b"") -> bytes:
    """Return a whole answer."""
    return b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (headers, len(body), body)


def says(data: bytes) -> Talk:
    """Answer every request with `data`."""
    return lambda connection, _: connection.sendall(data)


@contextlib.contextmanager
def served(listener: socket.socket, talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[list[int]]:
    """Serve connections one after the other with `talk`, once a request; yields the bytes read of each request."""
    read: list[int] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            number = 0
            with connection:
                while (request := _request(connection)) is not None:
                    number += 1
                    read.append(request)
                    talk(connection, number)

    listener.settimeout(0.2)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield read
    finally:
        over.set()
        thread.join(5)
        listener.close()


def _request(connection: socket.socket) -> int | None:
    """Read one request to its end; return its size, None when the peer left."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
    left = length - len(rest)
    while left > 0:
        left -= len(connection.recv(1 << 20))
    return len(head) + 4 + length


def tcp() -> socket.socket:
    """Return a listener on a free port of 127.0.0.1."""
    return socket.create_server(("127.0.0.1", 0))


def asked(endpoint: Endpoint, wire: bytes = WIRE, parser: type[Reply] = Reply, **more: int) -> Answer:
    """Make one exchange with a fresh client."""
    client = Client(endpoint, PATIENT, parser=parser)
    found = Answer()
    client.exchange(found, wire, stream=False, **more)
    client.close()
    return found


def secure(listener: socket.socket, **trust: object) -> Endpoint:
    """Return the endpoint of a TLS server under the test's own CA."""
    given = {"server_name": "localhost", "ca": str(authority().ca), **trust}
    return Endpoint(host="127.0.0.1", port=listener.getsockname()[1], tls=TlsPlan.model_validate(given))


def test_tls_with_an_authority_of_ones_own() -> None:
    """The answer comes, its body is whole, and the times are in order."""
    listener = tcp()
    with served(listener, says(answer(STAMP)), leaf().server_context()):
        found = asked(secure(listener))
    assert verdict(found) == ("ok", "")
    assert found.body == STAMP
    assert found.sent_ns < found.first_byte_ns <= found.done_ns


@pytest.mark.parametrize("kind", ["unknown", "expired", "self-signed", "elsewhere"])
def test_certificates_that_do_not_verify(kind: str) -> None:
    """Each is an error with the cause tls, named in the worker's facts; without verification it is none."""
    listener = tcp()
    with served(listener, says(answer(b"{}")), leaf(kind).server_context()):
        client = Client(secure(listener), PATIENT)
        found = Answer()
        client.exchange(found, WIRE, stream=False)
        assert verdict(found) == ("error", "tls")
        assert client.written == 0
        assert client.tls_errors.total() == 1
        assert verdict(asked(secure(listener, verify=False))) == ("ok", "")


def test_the_name_that_is_asked_for_and_verified() -> None:
    """SNI reaches the server, and it is that name which the certificate has to be for."""
    heard: list[str | None] = []
    context = leaf("elsewhere").server_context()
    context.sni_callback = lambda _, name, __: heard.append(name)
    listener = tcp()
    with served(listener, says(answer(b"{}")), context):
        assert verdict(asked(secure(listener, server_name="gateway.example"))) == ("ok", "")
    assert heard == ["gateway.example"]


def test_a_tls_connection_is_kept_and_its_tickets_are_no_loss() -> None:
    """TLS 1.3 sends session tickets unasked: ten requests go over one connection all the same."""
    listener = tcp()
    with served(listener, says(answer(b"{}")), leaf().server_context()):
        client = Client(secure(listener), PATIENT)
        for _ in range(10):
            found = Answer()
            client.exchange(found, WIRE, stream=False)
            assert verdict(found) == ("ok", "")
            time.sleep(0.01)
        assert (client.opened, client.lost_idle) == (1, 0)
        client.close()


def test_a_stream_cut_under_tls_is_not_taken_for_whole() -> None:
    """A body that ends with the connection, and a connection that ends without saying so: nobody knows what is missing."""

    def cut(connection: socket.socket, _: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf of it")
        connection.close()

    listener = tcp()
    with served(listener, cut, leaf().server_context()):
        assert verdict(asked(secure(listener)))[0] == "error"


def test_a_server_that_speaks_no_tls() -> None:
    """Plain bytes in place of a handshake are a failure of the handshake."""
    listener = tcp()

    def talk_at_once() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(65536)

    thread = threading.Thread(target=talk_at_once, daemon=True)
    thread.start()
    assert verdict(asked(secure(listener))) == ("error", "tls")
    thread.join(5)
    listener.close()


def test_ipv6() -> None:
    """The address, and the authority in its brackets."""
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    endpoint = Endpoint(host="::1", port=listener.getsockname()[1])
    assert endpoint.host_header().startswith("[::1]:")
    with served(listener, says(answer(b"{}"))):
        assert verdict(asked(endpoint)) == ("ok", "")


def test_a_unix_socket(tmp_path: Path) -> None:
    """HTTP over a Unix socket; one that nobody listens on refuses."""
    path = tmp_path / "gw.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    with served(listener, says(answer(STAMP))):
        found = asked(Endpoint(unix=str(path)))
        assert verdict(found) == ("ok", "")
        assert found.body == STAMP
    assert verdict(asked(Endpoint(unix=str(path)))) == ("error", "refused")
    assert verdict(asked(Endpoint(unix=str(tmp_path / "none")))) == ("error", "refused")


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's frame, as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate), ("br", brotli.compress)],
)
def test_codings_are_undone(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """The stamp is found in what was packed; the bytes counted are those on the wire."""
    packed = pack(STAMP)
    listener = tcp()
    with served(listener, says(answer(packed, b"Content-Encoding: %b\r\n" % coding.encode()))):
        found = asked(Endpoint(host="127.0.0.1", port=listener.getsockname()[1]), parser=DecodingReply)
    assert verdict(found) == ("ok", "")
    assert found.body == STAMP
    assert found.bytes_received < 200


def test_a_coding_that_is_broken_or_a_bomb() -> None:
    """Neither is an answer: undecodable, whole as it came."""
    bomb = gzip.compress(b"\0" * (MOST_DECODED + 1))
    for packed in (b"no gzip at all", bomb):
        listener = tcp()
        with served(listener, says(answer(packed, b"content-encoding: gzip\r\n"))):
            found = asked(Endpoint(host="127.0.0.1", port=listener.getsockname()[1]), parser=DecodingReply)
        assert verdict(found) == ("error", "undecodable")
        assert found.body == b""


def test_an_unknown_coding_stays_what_it_is() -> None:
    """Its stamp is unknown then, and the answer is no failure."""
    listener = tcp()
    with served(listener, says(answer(b"zzz", b"content-encoding: zstd\r\n"))):
        found = asked(Endpoint(host="127.0.0.1", port=listener.getsockname()[1]), parser=DecodingReply)
    assert verdict(found) == ("ok", "")
    assert found.body == b"zzz"


def test_a_slow_reader_lets_the_server_wait() -> None:
    """4 MB at 4 MB/s take about a second, and the server feels it: it cannot get rid of them sooner."""
    took_s: list[float] = []

    def talk(connection: socket.socket, _: int) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        began_s = time.monotonic()
        connection.sendall(answer(b"x" * 4_000_000))
        took_s.append(time.monotonic() - began_s)

    listener = tcp()
    with served(listener, talk):
        found = asked(Endpoint(host="127.0.0.1", port=listener.getsockname()[1]), read_bytes_per_s=4_000_000)
    assert verdict(found) == ("ok", "")
    assert 0.9 < (found.done_ns - found.first_byte_ns) / S < 10
    assert took_s[0] > 0.5


def test_large_bodies_both_ways() -> None:
    """24 MB out and 24 MB back, under TLS too; of the answer only so much is kept."""
    big = b"x" * 24_000_000
    wire = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: %d\r\n\r\n%b" % (len(big), big)
    for context in (None, leaf().server_context()):
        listener = tcp()
        endpoint = secure(listener) if context else Endpoint(host="127.0.0.1", port=listener.getsockname()[1])
        with served(listener, says(answer(big)), context) as read:
            found = asked(endpoint, wire)
        assert verdict(found) == ("ok", "")
        assert read == [len(wire)]
        assert found.bytes_sent == len(wire)
        assert found.bytes_received > len(big)
        assert len(found.body) < 3_000_000
