"""Deadlines: connect, silence, total."""

from __future__ import annotations

import socket
import time

import gevent
import pytest

from gatebench.execution.load.answer import Answer
from tests.execution.load import behaviours
from tests.execution.load.servers import Behaviour, Call
from tests.execution.load.talking import BIG, MS, WIRE, ask, make_client, talking_to, verdict
from tests.targets.starting import until


@pytest.mark.parametrize(
    ("behaviour", "deadlines_ms", "cause", "due_ms"),
    [
        (behaviours.stall, {"read_ms": 120}, "read_timeout", 120),
        (behaviours.stall, {"total_ms": 120}, "total_timeout", 120),
        (behaviours.stall, {"total_ms": 120, "read_ms": 120}, "total_timeout", 120),
        (behaviours.stall_in_body, {"read_ms": 120}, "read_timeout", 120),
        (behaviours.trickle, {"total_ms": 300}, "total_timeout", 300),
        (behaviours.flood, {"total_ms": 300}, "total_timeout", 300),
    ],
)
def test_deadlines(behaviour: Behaviour, deadlines_ms: dict[str, int], cause: str, due_ms: int) -> None:
    """Silence ends at the read deadline, anything at the total one; never early, and the connection is not used again."""
    with talking_to(behaviour, **deadlines_ms) as (client, server):
        answer = ask(client)
        assert verdict(answer) == ("timeout", cause)
        assert answer.done_ns - answer.sent_ns >= due_ms * MS
        again = ask(client)
        assert again.reused == 0
        until(lambda: len(server.requests) >= 2)  # the server may read later than the client gives up
        assert len(server.requests) == 2


def test_an_answer_that_lies_in_the_kernel_at_the_deadline_counts() -> None:
    """A client that was too busy to read in time does not blame the target: the answer that came in time is ok."""

    def behaviour(call: Call) -> None:
        call.server.released.wait(30)
        call.answer()

    with talking_to(behaviour, total_ms=1500) as (client, server):
        answer = Answer()
        asking = gevent.spawn(client.exchange, answer, WIRE, stream=False)
        while not server.requests:
            gevent.sleep(0.001)
        server.released.set()
        while time.monotonic_ns() < answer.sent_ns + 1550 * MS:
            time.sleep(0.05)  # the generator hogs its core; the answer comes meanwhile
        asking.join()
        assert verdict(answer) == ("ok", "")
        assert answer.done_ns - answer.sent_ns >= 1500 * MS


def test_a_request_that_does_not_fit_the_socket_buffer_goes_out_whole_and_once() -> None:
    """A slow reader takes a large request piece by piece; every byte is counted once."""
    with talking_to(behaviours.plain) as (client, server):
        answer = ask(client, BIG)
        assert verdict(answer) == ("ok", "")
        assert answer.bytes_sent == len(BIG)
        assert server.requests == [BIG]


def test_a_peer_that_stops_reading_is_silence() -> None:
    """A request that nobody takes ends at the read deadline, with the bytes that went out."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = ask(make_client(listener.getsockname()[1], read_ms=150), BIG)
    assert verdict(answer) == ("timeout", "read_timeout")
    assert 0 < answer.bytes_sent < len(BIG)


def test_an_early_refusal_before_the_body_was_taken() -> None:
    """A server that answers 413 and breaks off gives either its answer or the reset, and is asked once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = Answer()
        asking = gevent.spawn(make_client(listener.getsockname()[1]).exchange, answer, BIG, stream=False)
        while answer.bytes_sent == 0:
            gevent.sleep(0.005)
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        connection.close()
        asking.join()
    assert (verdict(answer), answer.status) in [(("error", "status"), 413), (("error", "reset"), 0)]
