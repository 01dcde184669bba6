"""One TCP connection to the target: sends a request once and reads its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from gevent import getcurrent
from gevent.monkey import get_original

from gatebench.execution.load.answer import NO_CAUSE, READ_TIMEOUT, RESET, TOTAL_TIMEOUT, Answer
from gatebench.execution.load.reply import Reply
from gatebench.execution.load.transport import Transport
from gatebench.execution.load.turns import Turns
from gatebench.sample import NEVER

_READ: Final = 1
_WRITE: Final = 2
_POLLIN: Final = 1
_RECEIVE: Final = 65536
_NS_PER_S: Final = 1_000_000_000

# Locust replaces these in the modules themselves; the look at an idle connection must not give the turn away.
_poll = get_original("select", "poll")


class Connection:
    """A connected transport with its parser.

    Its read watcher runs all its life, which saves two system calls a request and lets an idle connection notice at
    once that its peer closed or spoke unasked; `on_loss` is then called with the connection, already closed.
    """

    __slots__ = (
        "_bytes_per_s",
        "_most",
        "_on_loss",
        "_poll",
        "_reply",
        "_socket",
        "_turns",
        "_used",
        "_waiting",
        "_watcher",
        "closed",
        "ordinal",
    )

    def __init__(
        self, transport: Transport, ordinal: int, turns: Turns, on_loss: Callable[[Connection], object], reply: Reply
    ) -> None:
        self.ordinal = ordinal
        self.closed = False
        self._socket = transport
        self._turns = turns
        self._on_loss = on_loss
        self._reply = reply
        self._bytes_per_s = 0
        self._most = _RECEIVE
        self._used = 0
        self._waiting: Any = None
        self._poll: Any = _poll()
        self._poll.register(transport.fileno(), _POLLIN)
        self._watcher = turns.watch(transport.fileno(), _READ, self._readable)

    def is_quiet(self) -> bool:
        """Tell whether nothing came since the last answer: neither a close nor a byte nobody asked for.

        It looks, as `recv` with MSG_PEEK would, and costs a sixth of the exception that a healthy connection would
        raise there.
        """
        return not self.closed and not (self._poll.poll(0) and self._socket.spoke())

    def reusable(self) -> bool:
        """Tell whether another request may follow the one that just ended."""
        return not self.closed and self._reply.reusable()

    def close(self) -> None:
        """Close; harmless when already closed."""
        if not self.closed:
            self.closed = True
            self._watcher.close()
            self._socket.close()

    def slow_down(self, bytes_per_s: int) -> None:
        """Read no faster than that from now on, a twentieth of a second's worth at once."""
        self._bytes_per_s = bytes_per_s
        self._most = max(1, min(_RECEIVE, bytes_per_s // 20))

    def exchange(self, answer: Answer, wire: bytes, total_end_ns: int, read_ns: int, *, stream: bool) -> None:
        """Send `wire` once, read the answer, and conclude `answer`. Nothing is ever sent a second time.

        `read_ns` bounds silence: the time without a byte coming, or, while the request goes out, without one being
        taken.
        """
        answer.connection = self.ordinal
        answer.reused = self._used
        self._used = 1
        self._reply.expect(stream=stream, bodiless=wire.startswith(b"HEAD "))
        cause = self._send(answer, wire, total_end_ns, read_ns)
        if cause in (NO_CAUSE, RESET):
            # A peer may answer (413, say) and close before it took the whole request: what it said still counts.
            heard = self._receive(answer, total_end_ns, read_ns)
            cause = heard if NO_CAUSE in (heard, cause) else cause
        done_ns = answer.done_ns if answer.done_ns != NEVER else time.monotonic_ns()
        self._reply.note(answer)
        answer.conclude(self._reply.verdict(cause), done_ns, stream=stream)

    def _send(self, answer: Answer, wire: bytes, total_end_ns: int, read_ns: int) -> int:
        try:
            answer.bytes_sent = self._socket.send(wire)
        except BlockingIOError:
            pass
        except OSError:
            return RESET
        if answer.bytes_sent == len(wire):
            return NO_CAUSE
        return self._send_rest(answer, memoryview(wire), total_end_ns, read_ns)

    def _send_rest(self, answer: Answer, wire: memoryview, total_end_ns: int, read_ns: int) -> int:
        """Send what did not fit at once. The read watcher rests meanwhile: an early answer would only make it spin."""
        self._watcher.stop()
        wake = getcurrent().switch
        writable = self._turns.watch(self._socket.fileno(), _WRITE, lambda: wake(True))
        try:
            while answer.bytes_sent < len(wire):
                until_ns = min(total_end_ns, time.monotonic_ns() + read_ns)
                if not self._turns.until(until_ns):
                    return TOTAL_TIMEOUT if until_ns == total_end_ns else READ_TIMEOUT
                try:
                    answer.bytes_sent += self._socket.send(wire[answer.bytes_sent :])
                except BlockingIOError:
                    continue
                except OSError:
                    return RESET
            return NO_CAUSE
        finally:
            writable.close()
            self._watcher.start(self._readable)

    def _receive(self, answer: Answer, total_end_ns: int, read_ns: int) -> int:
        reply = self._reply
        began_ns = now_ns = time.monotonic_ns()
        while True:
            if self._bytes_per_s and answer.bytes_received:
                self._rest_until(min(total_end_ns, began_ns + answer.bytes_received * _NS_PER_S // self._bytes_per_s))
            until_ns = min(total_end_ns, now_ns + read_ns)
            try:
                data = self._next_bytes(until_ns)
            except OSError:
                return RESET
            if data is None:
                return TOTAL_TIMEOUT if until_ns == total_end_ns else READ_TIMEOUT
            if not data:
                return reply.take_eof()
            now_ns = time.monotonic_ns()
            if answer.bytes_received == 0:
                answer.first_byte_ns = now_ns  # that of an interim response, if there is one
            answer.bytes_received += len(data)
            cause = reply.take(data, now_ns)
            if cause != NO_CAUSE or reply.complete:
                answer.done_ns = now_ns  # the last byte, not what it took us to understand it
                return cause
            if now_ns >= total_end_ns:
                return TOTAL_TIMEOUT

    def _next_bytes(self, until_ns: int) -> bytes | None:
        """Return the next bytes, b"" at the end, or None when nothing came by `until_ns`.

        At the deadline there is one last look: what already lies in the kernel came in time, whoever was late to read
        it.
        """
        while True:
            self._waiting = getcurrent()
            ready = self._turns.until(until_ns)
            self._waiting = None
            try:
                return self._socket.recv(self._most)
            except BlockingIOError:
                if not ready:
                    return None

    def _rest_until(self, at_ns: int) -> None:
        """Read nothing until then, and let the peer feel it; the read watcher rests too, or it would spin."""
        self._watcher.stop()
        try:
            self._turns.until(at_ns)
        finally:
            self._watcher.start(self._readable)

    def _readable(self) -> None:
        waiting = self._waiting
        if waiting is not None:
            waiting.switch(True)
        elif (
            self._poll.poll(0) and self._socket.spoke()
        ):  # else the event is an old one, of an answer that was read at its deadline
            self.close()
            self._on_loss(self)
