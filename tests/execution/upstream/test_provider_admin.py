"""The control API of a provider: who may use it, what it switches, and how it says no."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.connection import Request
from gatebench.execution.upstream.faults.drop import Drop
from gatebench.execution.upstream.ledger import Ledger
from gatebench.run.stream import StreamWriter
from gatebench.sample import ATTEMPT, COMPLETED

TOKEN = b"the-token"
DROP: dict[str, Any] = {"mechanism": "provider.drop", "ttl_ns": 1000}


class Desk:
    """A control API with a clock that somebody turns."""

    def __init__(self, path: Path) -> None:
        self.now_ns = 100
        self.ledger = Ledger("provider-a", StreamWriter(ATTEMPT, path, {}), "0123abcd")
        self.faults = ActiveFaults(7, ("", "first", "second"))
        self.admin = Admin(
            name="provider-a",
            token=TOKEN.decode(),
            ledger=self.ledger,
            faults=self.faults,
            mechanisms={"provider.drop": Drop},
            clock=lambda: self.now_ns,
        )

    def ask(
        self,
        method: bytes,
        path: str,
        body: object = None,
        *,
        query: str = "",
        host: bytes = b"127.0.0.1:9001",
        token: bytes = TOKEN,
    ) -> tuple[int, dict[str, Any]]:
        """What is answered."""
        headers = {b"host": host, b"x-gatebench-token": token}
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return self.admin.reply(Request(method, f"/__gatebench__/{path}", query, headers, raw, 0, True, True))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A provider's control API over an empty ledger."""
    desk = Desk(tmp_path / "attempts.arrow")
    yield desk
    desk.ledger.close()


class TestWhoMayAsk:
    @pytest.mark.parametrize("host", [b"127.0.0.1", b"127.0.0.1:9001", b"localhost:1", b"LOCALHOST", b"[::1]:9001"])
    def test_this_machine(self, desk: Desk, host: bytes) -> None:
        """Any of its names, at any port."""
        assert desk.ask(b"GET", "state", host=host)[0] == 200

    @pytest.mark.parametrize("host", [b"", b"evil.example", b"127.0.0.1.evil.example", b"127.0.0.1:x", b"10.0.0.1"])
    def test_nobody_elses_name(self, desk: Desk, host: bytes) -> None:
        """A browser that was led here by a foreign name is turned away."""
        assert desk.ask(b"GET", "state", host=host)[0] == 403

    @pytest.mark.parametrize("token", [b"", b"the-tokem", b"the-token ", b"\xff"])
    def test_the_token_is_needed(self, desk: Desk, token: bytes) -> None:
        """Nothing is read or switched without it."""
        status, said = desk.ask(b"PUT", "faults/first", DROP, token=token)
        assert status == 401
        assert "x-gatebench-token" in said["problems"][0]
        assert not desk.faults.any


class TestFaults:
    def test_a_fault_is_put_and_seen(self, desk: Desk) -> None:
        """The answer is the acknowledgement; the state shows the fault until its time to live."""
        assert desk.ask(b"PUT", "faults/first", DROP | {"parameters": {"probability": 0.5}}) == (
            200,
            {"acknowledged_ns": 100, "expires_ns": 1100},
        )
        fault = {"id": "first", "mechanism": "provider.drop", "since_ns": 100, "expires_ns": 1100, "hits": 0}
        desk.now_ns = 1099
        assert desk.ask(b"GET", "state")[1]["faults"] == [fault]
        desk.now_ns = 1100
        assert desk.ask(b"GET", "state")[1]["faults"] == []

    def test_clearing_is_idempotent(self, desk: Desk) -> None:
        """It says the same of a fault that is off, and never fails."""
        desk.ask(b"PUT", "faults/first", DROP)
        desk.now_ns = 300
        assert desk.ask(b"DELETE", "faults/first") == (200, {"cleared_ns": 300, "was_active": True, "hits": 0})
        desk.now_ns = 400
        assert desk.ask(b"DELETE", "faults/first") == (200, {"cleared_ns": 300, "was_active": False, "hits": 0})
        assert desk.ask(b"DELETE", "faults/unheard-of")[1]["was_active"] is False

    @pytest.mark.parametrize(
        ("order", "words"),
        [
            (b"{", "not JSON"),
            ([], "dictionary"),
            ({"ttl_ns": 5}, '"mechanism" is missing'),
            ({"mechanism": "provider.drop"}, '"ttl_ns" is missing'),
            (DROP | {"ttl_ns": 0}, '"ttl_ns"'),
            (DROP | {"ttl_ns": -1}, '"ttl_ns"'),
            (DROP | {"ttl_ns": 1.5}, '"ttl_ns"'),
            (DROP | {"ttl_ns": "5s"}, '"ttl_ns"'),
            (DROP | {"ttl_ns": 10**18}, '"ttl_ns"'),
            (DROP | {"mechanism": "provider.explode"}, "use one of provider.drop"),
            (DROP | {"mechanism": 7}, '"mechanism"'),
            (DROP | {"parameters": {"probability": 2}}, "probability"),
            (DROP | {"parameters": {"propability": 1}}, '"propability" is not known here'),
            (DROP | {"parameters": [1]}, '"parameters"'),
            (DROP | {"until": 5}, '"until" is not known here'),
        ],
    )
    def test_a_bad_order(self, desk: Desk, order: object, words: str) -> None:
        """It is refused with a sentence, and nothing is switched."""
        status, said = desk.ask(b"PUT", "faults/first", order)
        assert status == 400
        assert any(words in problem for problem in said["problems"])
        assert not desk.faults.any

    def test_an_id_outside_the_plan(self, desk: Desk) -> None:
        """The ledger could not name it: the answer says what it could."""
        status, said = desk.ask(b"PUT", "faults/third", DROP)
        assert status == 400
        assert "first, second" in said["problems"][0]

    def test_every_problem_at_once(self, desk: Desk) -> None:
        """A wrong id, a wrong parameter and a missing time to live are three sentences."""
        order = {"mechanism": "provider.drop", "parameters": {"probability": 2}}
        assert len(desk.ask(b"PUT", "faults/third", order)[1]["problems"]) == 3


class TestTheRest:
    def test_flushing_makes_rows_readable(self, desk: Desk) -> None:
        """Rows are counted once the operating system has them."""
        desk.ledger.end(desk.ledger.arrive(b"", 1, 0), COMPLETED, 0)
        desk.ledger.hold(desk.ledger.arrive(b"", 1, 0))
        before = desk.ask(b"GET", "state")[1]
        assert (before["attempts"], before["in_flight"], before["ledger_rows"]) == (2, 1, 0)
        assert desk.ask(b"POST", "flush") == (200, {"flushed_ns": 100, "ledger_rows": 1})

    def test_a_payload_to_measure_a_rate_with(self, desk: Desk) -> None:
        """As many bytes as are asked for."""
        status, said = desk.ask(b"GET", "payload", query="bytes=40000")
        assert (status, len(said["payload"])) == (200, 40_000)

    @pytest.mark.parametrize("query", ["", "bytes=", "bytes=-1", "bytes=9999999", "bytes=1&x", "size=5"])
    def test_a_payload_of_no_size(self, desk: Desk, query: str) -> None:
        """It is refused."""
        assert desk.ask(b"GET", "payload", query=query)[0] == 400

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            (b"GET", "nothing"),
            (b"POST", "state"),
            (b"GET", "faults/first"),
            (b"PUT", "faults/"),
            (b"PUT", "faults/a/b"),
        ],
    )
    def test_unknown_paths(self, desk: Desk, method: bytes, path: str) -> None:
        """They are answered with what is known."""
        status, said = desk.ask(method, path, DROP)
        assert status == 404
        assert "PUT or DELETE faults/ID" in said["problems"][0]
