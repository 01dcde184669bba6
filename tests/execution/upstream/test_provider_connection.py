"""The server's side of HTTP/1.1, byte by byte: what is read becomes requests, and what is said is framed right."""

import asyncio
import gc
import time
import weakref
from collections.abc import Callable

import pytest

from gatebench.execution.upstream.connection import MOST_BODY_BYTES, Connection, Request

GET = b"GET /x HTTP/1.1\r\nhost: h\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that remembers what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = self.closed or "FIN"

    def abort(self) -> None:
        self.closed = self.closed or "abort"

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)


class Recorder:
    """A server that remembers its requests; `answer` says what it does with each."""

    def __init__(self, answer: Callable[[Connection, Request], None] | None = None) -> None:
        self.requests: list[Request] = []
        self.answer = answer

    def serve(self, connection: Connection, request: Request) -> None:
        self.requests.append(request)
        if self.answer is not None:
            self.answer(connection, request)


def ok(connection: Connection, _: Request) -> None:
    """Answer ok."""
    connection.respond(200, b"", b"ok")


def on_loop(test: Callable[[], None]) -> None:
    """Run `test` where there is a running loop, as connections need one."""

    async def run() -> None:
        test()

    asyncio.run(run())


def connect(server: Recorder) -> tuple[Connection, Wire]:
    """A connection that has just been made."""
    wire = Wire()
    connection = Connection(server, set())
    connection.connection_made(wire)
    return connection, wire


def said(*data: bytes, answer: Callable[[Connection, Request], None] | None = ok) -> tuple[list[Request], Wire]:
    """What a server hears and what a wire carries when `data` comes in."""
    server = Recorder(answer)
    wires: list[Wire] = []

    def test() -> None:
        connection, wire = connect(server)
        wires.append(wire)
        for part in data:
            connection.data_received(part)

    on_loop(test)
    return server.requests, wires[0]


class TestReading:
    def test_a_request(self) -> None:
        """Its parts arrive, header names in lower case, the target taken apart, with the time of its last byte."""
        before_ns = time.monotonic_ns()
        (request,), _ = said(b"POST /a%20b?c=d HTTP/1.1\r\nX-Request-ID: Id\r\ncontent-length: 4\r\n\r\nbo", b"dy")
        assert (request.method, request.path, request.query, request.body) == (b"POST", "/a b", "c=d", b"body")
        assert request.headers[b"x-request-id"] == b"Id"
        assert before_ns <= request.received_ns <= time.monotonic_ns()

    def test_one_byte_at_a_time(self) -> None:
        """However a request is cut, it is the same request."""
        whole = b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        (request,), wire = said(*(bytes((byte,)) for byte in whole))
        assert request.body == b"abcde"
        assert wire.written.endswith(b"\r\n\r\nok")

    @pytest.mark.parametrize(
        ("target", "path"),
        [(b"http://host:1/x?y", "/x"), (b"http://host", "/"), (b"*", "*"), (b"/", "/"), (b"/%ff", "/\ufffd")],
    )
    def test_targets(self, target: bytes, path: str) -> None:
        """Absolute targets, an asterisk and bytes that are no UTF-8 are taken as they can be."""
        (request,), _ = said(b"OPTIONS %b HTTP/1.1\r\nhost: h\r\n\r\n" % target)
        assert request.path == path

    def test_a_body_that_is_too_large_is_read_and_forgotten(self) -> None:
        """The request arrives without its body, and the connection goes on."""
        part = b"x" * 2**20
        parts = MOST_BODY_BYTES // len(part)
        head = b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n"
        fits, _ = said(head % (parts * len(part)), *[part] * parts)
        over, _ = said(head % (parts * len(part) + 1), *[part] * parts, b"x", GET)
        assert [None if request.body is None else len(request.body) for request in fits] == [MOST_BODY_BYTES]
        assert [request.body for request in over] == [None, b""]

    @pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"HELLO\r\n\r\n", b"GET /x HTTP/9.9\r\n\r\n"])
    def test_what_is_not_http(self, garbage: bytes) -> None:
        """It is told so, and the connection closes."""
        requests, wire = said(garbage)
        assert requests == []
        assert wire.written.startswith(b"HTTP/1.1 400 ")
        assert wire.closed == "FIN"

    def test_who_waits_to_be_asked_is_asked(self) -> None:
        """`Expect: 100-continue` gets its interim answer before the body is sent."""
        head = b"POST /x HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        requests, wire = said(head)
        assert (requests, wire.writes) == ([], [b"HTTP/1.1 100 Continue\r\n\r\n"])
        requests, wire = said(head, b"hi")
        assert requests[0].body == b"hi"

    def test_a_mistake_of_ours_closes_and_is_heard_of(self) -> None:
        """An error while serving is not taken for a malformed request."""

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        server = Recorder(fail)

        def test() -> None:
            connection, wire = connect(server)
            with pytest.raises(Exception, match="on_message_complete"):
                connection.data_received(GET)
            assert (wire.written, wire.closed) == (b"", "FIN")

        on_loop(test)


class TestAnswering:
    def test_a_whole_answer_is_one_write(self) -> None:
        """Head and body go out together, with a length."""
        _, wire = said(GET, answer=lambda connection, _: connection.respond(404, b"a: b\r\n", b"gone"))
        assert wire.writes == [b"HTTP/1.1 404 Not Found\r\na: b\r\ncontent-length: 4\r\n\r\ngone"]
        assert not wire.closed

    def test_head_has_no_body(self) -> None:
        """The length is said, the body is not."""
        _, wire = said(b"HEAD /x HTTP/1.1\r\nhost: h\r\n\r\n")
        assert wire.written == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"

    @pytest.mark.parametrize(
        ("request_", "line", "closed"),
        [
            (b"GET /x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", b"connection: close\r\n", "FIN"),
            (b"GET /x HTTP/1.0\r\nhost: h\r\n\r\n", b"connection: close\r\n", "FIN"),
            (b"GET /x HTTP/1.0\r\nhost: h\r\nconnection: keep-alive\r\n\r\n", b"connection: keep-alive\r\n", ""),
            (b"GET /x HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", b"HTTP/1.1 200", "FIN"),
        ],
    )
    def test_whether_the_connection_stays(self, request_: bytes, line: bytes, closed: str) -> None:
        """It does what the caller's version and headers say; after an upgrade that we do not know it closes."""
        _, wire = said(request_)
        assert line in wire.written
        assert wire.closed == closed

    def test_requests_in_one_breath_are_answered_in_order(self) -> None:
        """The second waits until the first is answered, and is then served without further bytes."""
        server = Recorder()

        async def run() -> bytes:
            connection, wire = connect(server)
            connection.data_received(GET.replace(b"/x", b"/1") + GET.replace(b"/x", b"/2"))
            assert [request.path for request in server.requests] == ["/1"]
            await asyncio.sleep(0)
            assert len(server.requests) == 1
            connection.respond(200, b"", b"one")
            await asyncio.sleep(0)
            assert [request.path for request in server.requests] == ["/1", "/2"]
            connection.respond(200, b"", b"two")
            return wire.written

        written = asyncio.run(run())
        assert written.index(b"one") < written.index(b"two")

    def test_who_hangs_up_serves_no_more(self) -> None:
        """A request that waited behind one whose connection was closed is not served."""
        server = Recorder(lambda connection, _: connection.hang_up())

        async def run() -> None:
            connection, wire = connect(server)
            connection.data_received(GET + GET)
            await asyncio.sleep(0)
            assert (wire.written, wire.closed) == (b"", "FIN")

        asyncio.run(run())
        assert len(server.requests) == 1


class TestStreaming:
    def stream(self, request: bytes, *parts: bytes) -> Wire:
        """Answer `request` with `parts`, the last of which finishes."""
        server = Recorder()

        async def run() -> Wire:
            connection, wire = connect(server)
            connection.data_received(request)
            connection.open(200, b"")
            for part in parts[:-1]:
                await connection.write(part)
            connection.finish(parts[-1])
            return wire

        return asyncio.run(run())

    def test_chunks(self) -> None:
        """Each part is a chunk, and an empty chunk ends the answer; an empty part is none."""
        wire = self.stream(GET, b"one", b"", b"t" * 17)
        head, _, body = wire.written.partition(b"\r\n\r\n")
        assert head == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked"
        assert body == b"3\r\none\r\n11\r\n" + b"t" * 17 + b"\r\n0\r\n\r\n"
        assert not wire.closed

    def test_an_empty_end(self) -> None:
        """A stream may finish with nothing more to say."""
        assert self.stream(GET, b"one", b"").written.endswith(b"one\r\n0\r\n\r\n")

    def test_an_old_caller_gets_no_chunks(self) -> None:
        """For HTTP/1.0 the end of the connection is the end of the answer."""
        wire = self.stream(b"GET /x HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", b"one", b"two")
        assert wire.written == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonetwo"
        assert wire.closed == "FIN"

    @pytest.mark.parametrize("leaves", [False, True])
    def test_a_slow_reader_is_waited_for(self, leaves: bool) -> None:
        """A write returns when the transport has room again, or when the caller has left."""

        async def run() -> None:
            connection, _ = connect(Recorder())
            connection.data_received(GET)
            connection.open(200, b"")
            connection.pause_writing()
            writing = asyncio.create_task(connection.write(b"x"))
            await asyncio.sleep(0)
            assert not writing.done()
            if leaves:
                connection.connection_lost(None)
            else:
                connection.resume_writing()
            await writing
            assert connection.lost is leaves

        asyncio.run(run())


class TestWaiting:
    def test_a_pause_ends_when_the_caller_leaves(self) -> None:
        """It does not last its hour; the next one does not even begin."""

        async def run() -> None:
            connections: set[Connection] = set()
            connection = Connection(Recorder(), connections)
            connection.connection_made(Wire())
            assert connections == {connection}
            pausing = asyncio.create_task(connection.pause(3600))
            await asyncio.sleep(0)
            assert not pausing.done()
            connection.connection_lost(None)
            await pausing
            await connection.pause(3600)
            assert connections == set()

        asyncio.run(run())

    def test_connections_are_counted(self) -> None:
        """Each has an ordinal of its own."""

        def test() -> None:
            one, _ = connect(Recorder())
            other, _ = connect(Recorder())
            assert other.ordinal == one.ordinal + 1 > 1

        on_loop(test)

    def test_a_lost_connection_is_no_work_for_the_collector(self) -> None:
        """Parser and connection let go of each other: without that, thousands of pairs die in one pause."""

        def test() -> None:
            connection, _ = connect(Recorder())
            connection.data_received(b"GET /health HTTP/1.1\r\n\r\n")
            connection.connection_lost(None)
            remains = weakref.ref(connection)
            del connection
            assert remains() is None

        gc.disable()
        try:
            on_loop(test)
        finally:
            gc.enable()
