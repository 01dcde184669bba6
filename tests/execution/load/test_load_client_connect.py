"""Connecting: refused, hanging, slow, forbidden, and our own limits."""

from __future__ import annotations

import errno
import resource
import socket
import time

import gevent
import pytest

from gatebench import guard
from gatebench.execution.load.answer import Answer
from gatebench.execution.load.client import Client, _connected
from gatebench.plan import DeadlinesPlan, Endpoint
from gatebench.sample import NEVER
from tests.execution.load import behaviours
from tests.execution.load.servers import ScriptedServer
from tests.execution.load.talking import MS, WIRE, ask, make_client, verdict


def test_refused() -> None:
    """A port nobody listens on is `error/refused`, without a connection and without a byte."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = ask(make_client(port))
    assert verdict(answer) == ("error", "refused")
    assert (answer.connection, answer.reused, answer.bytes_sent, answer.first_byte_ns) == (0, 0, 0, NEVER)
    assert answer.sent_ns <= answer.done_ns


def test_connect_timeout() -> None:
    """A listener whose queue is full lets a connect hang; it ends at the connect deadline as `timeout/connect_timeout`."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting: list[socket.socket] = []
        for _ in range(4):  # more than a queue of none takes
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
            waiting.append(caller)
        client = make_client(port, connect_ms=150)
        answer = ask(client)
        assert verdict(answer) == ("timeout", "connect_timeout")
        assert answer.done_ns - answer.sent_ns >= 150 * MS
        assert client.written == 0
        for caller in waiting:
            caller.close()


def test_a_connect_that_is_going_on_is_not_taken_for_one_that_ended() -> None:
    """Asked too early, a connecting socket is `EINPROGRESS`; a connected one 0; one that was refused says so."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        callers = [socket.socket() for _ in range(6)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        address = listener.getsockname()
        states = [_connected(caller) for caller in callers]
        assert (states[0], states[-1]) == (0, errno.EINPROGRESS)
    with socket.socket() as caller:
        caller.setblocking(False)
        caller.connect_ex(address)
        assert _connected(caller) == errno.ECONNREFUSED
        assert _connected(caller) == errno.ECONNRESET  # the error was taken by somebody else
    for caller in callers:
        caller.close()


def test_slow_accept_is_time_not_an_error() -> None:
    """A server that accepts late answers late; the wait is in the service time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = Answer()
        asking = gevent.spawn(make_client(listener.getsockname()[1]).exchange, answer, WIRE, stream=False)
        until_s = time.monotonic() + 0.3  # a busy machine begins to ask a little later
        while time.monotonic() < until_s:
            gevent.sleep(0.01)
        connection, _ = listener.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        asking.join()
        connection.close()
    assert verdict(answer) == ("ok", "")
    assert answer.done_ns - answer.sent_ns >= 200 * MS


def test_the_guard_is_asked_and_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote address is `not_allowed` without a socket; an allowed one is asked about again at each connect."""
    deadlines = DeadlinesPlan(connect_ns=MS, read_ns=MS, total_ns=MS)
    opened: list[object] = []
    monkeypatch.setattr("gatebench.execution.load.client._socket", lambda *_: opened.append(1))
    answer = ask(Client(Endpoint(host="192.0.2.1", port=80), deadlines))
    assert verdict(answer) == ("error", "not_allowed")
    assert not opened

    monkeypatch.undo()
    asked: list[str] = []

    def refuse(address: str, allowed: object) -> None:
        asked.append(address)
        raise guard.RemoteRefused("no")

    with ScriptedServer(behaviours.plain) as server:
        client = make_client(server.port)
        monkeypatch.setattr(guard, "check", refuse)
        assert verdict(ask(client)) == ("error", "not_allowed")
        assert asked == ["127.0.0.1"]
        assert server.connections == 0


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    """Resolution happens once, at the start; what does not resolve is `error/unreachable` for every request."""
    client = Client(
        Endpoint(host="does-not-exist.invalid", port=80), DeadlinesPlan(connect_ns=MS, read_ns=MS, total_ns=MS)
    )
    assert [verdict(ask(client)) for _ in range(2)] == [("error", "unreachable")] * 2


def test_running_out_of_descriptors_is_our_own_trouble_and_said() -> None:
    """When this machine cannot open a socket the row is `error/unreachable`, and the errno is kept for the run's facts."""
    with ScriptedServer(behaviours.plain) as server:
        client = make_client(server.port)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as probe:
            highest = probe.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
        try:
            answer = ask(client)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert verdict(answer) == ("error", "unreachable")
    assert client.local_errors == {"EMFILE": 1}
