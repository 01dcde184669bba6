"""What servers do in the tests of this room: answer well, break off, fall silent, stream."""

from __future__ import annotations

from collections.abc import Callable

from tests.execution.load.servers import Behaviour, Call


def plain(call: Call) -> None:
    """Answer as one should."""
    call.answer()


def held(call: Call) -> None:
    """Answer when the test says so."""
    call.server.released.wait(30)
    call.answer()


def chunked(call: Call) -> None:
    """Answer in chunks, with a trailer."""
    call.say(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{"a\r\n')
    call.say(b'4\r\n":1}\r\n0\r\nx-trailer: 1\r\n\r\n')


def interim(call: Call) -> None:
    """Answer after two interim responses."""
    call.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    call.say(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


def no_content(call: Call) -> None:
    """Answer without a body."""
    call.say(b"HTTP/1.1 204 No Content\r\n\r\n")


def announced_close(call: Call) -> None:
    """Answer, say that the connection closes, and close it."""
    call.answer(headers=b"connection: close\r\n")
    call.close()


def http_10_until_close(call: Call) -> None:
    """Answer as HTTP/1.0 did: the body ends with the connection."""
    call.say(b"HTTP/1.0 200 OK\r\n\r\n{}")
    call.close()


def headers_in_pieces(call: Call) -> None:
    """Answer byte by byte."""
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":
        call.say(bytes([byte]))


def truncated_body(call: Call) -> None:
    """Close in the middle of a body."""
    call.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart")
    call.close()


def truncated_chunks(call: Call) -> None:
    """Close in the middle of a chunk."""
    call.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\npa")
    call.close()


def truncated_head(call: Call) -> None:
    """Close in the middle of the headers."""
    call.say(b"HTTP/1.1 200 OK\r\ncontent-le")
    call.close()


def only_interim(call: Call) -> None:
    """Close after an interim response."""
    call.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    call.close()


def nothing(call: Call) -> None:
    """Close without a word."""
    call.close()


def reset_at_once(call: Call) -> None:
    """Reset without a word."""
    call.reset()


def garbage(call: Call) -> None:
    """Speak another protocol."""
    call.say(b"SSH-2.0-OpenSSH_9.9\r\n")


def bad_chunk(call: Call) -> None:
    """Break the framing of chunks."""
    call.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")


def two_lengths(call: Call) -> None:
    """Name two lengths."""
    call.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}")


def close_on_second(call: Call) -> None:
    """Answer the first request of a connection and close under the second."""
    if call.number == 1:
        call.answer()
    else:
        call.close()


def reset_on_second(call: Call) -> None:
    """Answer the first request of a connection and reset under the second."""
    if call.number == 1:
        call.answer()
    else:
        call.reset()


def stall(call: Call) -> None:
    """Take the request and say nothing."""
    call.server.released.wait(30)


def stall_in_body(call: Call) -> None:
    """Fall silent in the middle of a body."""
    call.say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart")
    call.server.released.wait(30)


def trickle(call: Call) -> None:
    """Send a body one byte at a time, without end."""
    call.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while not call.server.released.wait(0.01):
        call.say(b"x")


def flood(call: Call) -> None:
    """Send a body as fast as it goes, without end."""
    call.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while not call.server.released.is_set():
        call.connection.sendall(b"x" * 65536)


SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return `data` as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def token(word: str) -> bytes:
    """Return the event of one token."""
    return chunk(b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % word.encode())


ROLE = chunk(b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n')
STOP = chunk(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')
DONE = chunk(b"data: [DONE]\n\n")
END = b"0\r\n\r\n"


def streaming(*parts: bytes, finish: Callable[[Call], None] | None = None) -> Behaviour:
    """Return a behaviour that says `parts` and then does `finish`."""

    def behaviour(call: Call) -> None:
        for part in parts:
            call.say(part)
        if finish is not None:
            finish(call)

    return behaviour
