"""Connections used again: the last one first, never a dead one, and never a second request."""

from __future__ import annotations

import gevent
import pytest

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.client import Client
from gatebench.plan import DeadlinesPlan, Endpoint
from gatebench.sample import CAUSES
from tests.execution.load import behaviours
from tests.execution.load.servers import Behaviour, Call, ScriptedServer
from tests.execution.load.talking import LONG_MS, MS, WIRE, ask, make_client, talking_to, verdict


def test_connections_are_reused_the_last_one_first() -> None:
    """Idle connections are taken in LIFO order and keep their ordinal."""
    with ScriptedServer(behaviours.held) as server:
        client = make_client(server.port)
        answers = [Answer() for _ in range(3)]
        together = [gevent.spawn(client.exchange, answer, WIRE, stream=False) for answer in answers]
        while len(server.requests) < 3:
            gevent.sleep(0.005)
        server.released.set()
        gevent.joinall(together)
        assert sorted(answer.connection for answer in answers) == [1, 2, 3]
        last = max(answers, key=lambda answer: answer.done_ns).connection
        later = [ask(client) for _ in range(4)]
        assert [(answer.connection, answer.reused) for answer in later] == [(last, 1)] * 4
        assert (client.opened, server.connections, len(server.requests)) == (3, 3, 7)
        client.close()


@pytest.mark.parametrize("turns", [False, True])
def test_a_connection_that_was_closed_while_idle_is_replaced_before_anything_is_sent(turns: bool) -> None:
    """A server that closes after each answer costs a fresh connection, not an error; whether or not the loop ran in between."""

    def behaviour(call: Call) -> None:
        call.answer()
        call.close()

    with talking_to(behaviour) as (client, server):
        for number in range(1, 5):
            server.closed.clear()
            answer = ask(client)
            assert verdict(answer) == ("ok", "")
            assert (answer.connection, answer.reused) == (number, 0)
            assert server.closed.wait(30)
            if turns:
                while client.lost_idle < number:
                    gevent.sleep(0.005)
        assert len(server.requests) == 4


def test_unsolicited_bytes_cost_the_connection() -> None:
    """Bytes nobody asked for on an idle connection are never taken for the next answer."""

    def behaviour(call: Call) -> None:
        call.answer(b"{}")
        call.answer(b"stale")
        call.server.closed.set()

    with talking_to(behaviour) as (client, server):
        for number in (1, 2, 3):
            answer = ask(client)
            assert verdict(answer) == ("ok", "")
            assert answer.connection == number
            assert answer.body == b"{}"
            assert server.closed.wait(30)
            server.closed.clear()
        assert len(server.requests) == 3


def test_bytes_behind_a_whole_answer_in_the_same_segment() -> None:
    """Rubbish right behind a complete answer leaves the answer ok and the connection unused."""

    def behaviour(call: Call) -> None:
        call.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rubbish")

    with talking_to(behaviour) as (client, _):
        answers = [ask(client), ask(client)]
        assert [(verdict(answer), answer.body) for answer in answers] == [(("ok", ""), b"{}")] * 2
        assert [answer.connection for answer in answers] == [1, 2]


@pytest.mark.parametrize(
    ("behaviour", "cause"), [(behaviours.close_on_second, "eof"), (behaviours.reset_on_second, "reset")]
)
def test_a_reused_connection_that_breaks_is_an_error_and_not_a_second_request(behaviour: Behaviour, cause: str) -> None:
    """When the peer breaks a reused connection under a request, the row says so, and the wire saw it once."""
    with talking_to(behaviour) as (client, server):
        rows = [ask(client) for _ in range(6)]
        assert [verdict(row) for row in rows] == [("ok", ""), ("error", cause)] * 3
        assert [row.reused for row in rows] == [0, 1] * 3
        assert len(server.requests) == len(rows) == client.written


class ResendingClient(Client):
    """What this client must never be: one that tries again, as geventhttpclient's does."""

    def exchange(self, answer: Answer, wire: bytes, *, stream: bool, read_bytes_per_s: int = 0) -> None:
        super().exchange(answer, wire, stream=stream)
        if answer.reused and CAUSES[answer.cause] in ("eof", "reset"):
            answer.__init__()  # type: ignore[misc]  # a fresh start, as if nothing had happened
            super().exchange(answer, wire, stream=stream)


def test_the_count_on_the_wire_catches_a_client_that_sends_again() -> None:
    """The comparison of rows with the server's count goes red for a client that re-sends: its rows all look fine."""
    with ScriptedServer(behaviours.close_on_second) as server:
        deadlines = DeadlinesPlan(connect_ns=LONG_MS * MS, read_ns=LONG_MS * MS, total_ns=LONG_MS * MS)
        client = ResendingClient(Endpoint(host="127.0.0.1", port=server.port), deadlines)
        rows = [ask(client) for _ in range(6)]
        assert {verdict(row) for row in rows} == {("ok", "")}
        assert len(server.requests) > len(rows)
        client.close()
