"""What a provider makes of a request, on real sockets in this process: who asks, what is answered, what is written down."""

import asyncio
from pathlib import Path

import orjson
import pytest

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.drop import Drop
from gatebench.sample import CANCELLED, COMPLETED, DROPPED, FAILED, NEVER, NO_ARRIVAL, NO_WORD
from gatebench.stamp import find_stamp, fingerprint
from tests.execution.upstream.serving import CHAT, HOUR_NS, Rig, one, post


class TestWhoAsks:
    @pytest.mark.parametrize(
        ("mode", "header", "user", "arrival"),
        [
            ("header", b"gb-0123abcd-5-0-l", "gb-0123abcd-6-0-l", 5),
            ("user", b"gb-0123abcd-5-0-l", "gb-0123abcd-6-0-l", 6),
            ("none", b"gb-0123abcd-5-0-l", "gb-0123abcd-6-0-l", NO_ARRIVAL),
            ("header", b"0b1c-of-the-gateway", "", NO_ARRIVAL),
            ("header", b"gb-ffffffff-5-0-l", "", NO_ARRIVAL),
        ],
    )
    def test_where_the_request_id_is(self, tmp_path: Path, mode: str, header: bytes, user: str, arrival: int) -> None:
        """It is looked for where the plan says, and ids of another run are none."""
        rig = Rig(tmp_path, request_id=mode)
        _, row = one(rig, post(CHAT | {"user": user}, b"X-Request-Id: " + header))
        assert row["arrival_id"] == arrival

    @pytest.mark.parametrize(
        ("header", "user", "code", "said"),
        [
            (b"tenant-1", "", 1, "tenant-1"),
            (b"tenant-1", "tenant-0", 1, "tenant-1"),
            (b"", "tenant-0", 0, "tenant-0"),
            (b"", "somebody", NO_WORD["u2"], ""),
            (b"somebody", "", NO_WORD["u2"], "somebody"),  # passed on, but no tenant of this run
            (b'ten~ant"', "", NO_WORD["u2"], ""),
            (b"", "", NO_WORD["u2"], ""),
        ],
    )
    def test_who_the_tenant_is(self, tmp_path: Path, header: bytes, user: str, code: int, said: str) -> None:
        """The header names it, else the body's user if that is a tenant; the stamp and the row agree."""
        headers = (b"x-gatebench-tenant: " + header,) if header else ()
        answer, row = one(Rig(tmp_path), post(CHAT | {"user": user}, *headers))
        stamp = find_stamp(answer)
        assert stamp is not None
        assert (row["tenant"], stamp.tenant) == (code, said)

    def test_a_canary_is_an_attempt(self, tmp_path: Path) -> None:
        """Its row says what it is, also for the list of models."""
        request = post(b"", b"x-request-id: gb-0123abcd-3-1-c", path=b"/v1/models", method=b"GET")
        answer, row = one(Rig(tmp_path), request)
        assert (row["arrival_id"], row["ordinal"], row["kind"], row["seen"]) == (3, 1, 2, 1)
        assert (row["status"], row["fingerprint"], row["end"]) == (200, 0, COMPLETED)
        assert b'"object":"list"' in answer


class TestWhatIsAnswered:
    def test_a_completion_and_its_row(self, tmp_path: Path) -> None:
        """What the stamp says is what the ledger says."""
        answer, row = one(Rig(tmp_path), post())
        stamp = find_stamp(answer)
        assert stamp is not None
        assert (stamp.attempt, stamp.fingerprint, stamp.service_ns) == (
            row["attempt"],
            row["fingerprint"],
            row["service_ns"],
        )
        assert row["fingerprint"] == fingerprint("one two three")
        assert (row["tokens_in"], row["tokens_out"], row["stream"], row["fault"]) == (3, 3, 0, 0)
        assert row["arrived_ns"] <= row["first_token_ns"] <= row["ended_ns"]
        assert answer.count(b"gb1~") == 4  # id, system_fingerprint, content, header

    @pytest.mark.parametrize("latency", [{"ttft_median_ms": 0, "token_ms": 0}, {"ttft_median_ms": 2, "token_ms": 1}])
    def test_a_stream_and_its_row(self, tmp_path: Path, latency: dict[str, float]) -> None:
        """All tokens at once or each in its time: the words are the same, and the last stamp is complete."""
        answer, row = one(Rig(tmp_path, latency=latency), post(CHAT | {"stream": True}))
        stamp = find_stamp(answer)
        assert stamp is not None
        assert stamp.service_ns == row["service_ns"] >= row["first_token_ns"] - row["arrived_ns"]
        assert (row["end"], row["status"], row["stream"], row["tokens_out"]) == (COMPLETED, 200, 1, 3)
        assert [answer.count(b"w%d" % number) for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
        assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (post(b"{"), 400),
            (post({"model": "m"}), 400),
            (post(path=b"/v1/completions"), 404),
            (post(path=b"/v1/embeddings"), 400),
            (post(path=b"/chat/completions"), 404),
            (post(b"", method=b"GET"), 405),
            (post(path=b"/v1/models"), 405),
            (post(b"x" * (8 * 2**20 + 1)), 413),
        ],
    )
    def test_a_request_that_is_refused(self, tmp_path: Path, request_: bytes, status: int) -> None:
        """It gets an error of OpenAI's shape with a stamp, and a row that says so."""
        answer, row = one(Rig(tmp_path), request_)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"x-gatebench-stamp: gb1~provider-a~1~" in head
        assert set(orjson.loads(body)["error"]) == {"message", "type", "param", "code"}
        assert (row["status"], row["end"], row["tokens_out"]) == (status, FAILED, 0)
        assert row["service_ns"] == row["first_token_ns"] - row["arrived_ns"] >= 0

    def test_health_and_control_are_no_attempts(self, tmp_path: Path) -> None:
        """They leave no row, and no fault touches them."""
        rig = Rig(tmp_path)
        rig.put(Drop())

        async def test(rig: Rig) -> list[bytes]:
            control = post(b"", b"x-gatebench-token: 0123456789", path=b"/__gatebench__/state", method=b"GET")
            health = post(b"", path=b"/health", method=b"GET")
            return [await rig.ask(health), await rig.ask(control.replace(b"host: h", b"host: localhost"))]

        answers = rig.run(test)
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 2
        assert rig.rows == []

    def test_faults_sit_on_the_api_alone(self, tmp_path: Path) -> None:
        """A path beside it is refused as ever, and a path below it that is unknown is hit."""
        rig = Rig(tmp_path)
        rig.put(Drop())

        async def test(rig: Rig) -> list[bytes]:
            return [await rig.ask(post(path=b"/chat/completions")), await rig.ask(post(path=b"/v1/embeddings"))]

        beside, below = rig.run(test)
        assert (beside[:12], below) == (b"HTTP/1.1 404", b"")
        assert [(row["end"], row["fault"]) for row in rig.rows] == [(FAILED, 0), (DROPPED, 1)]


class Refuse(Fault):
    """Answers 503 in place of the provider."""

    async def apply(self, hit: Hit) -> None:
        """Answer."""
        await hit.respond(503, b'{"error":"overloaded"}', b"no-stamp")


class Stall(Fault):
    """Holds the first token back."""

    seconds: float

    async def at_first_token(self, hit: Hit) -> None:
        """Wait."""
        await hit.pause(self.seconds)


class Cut(Fault):
    """Hangs up before a chunk that holds certain words."""

    before: bytes

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Hang up, or let it pass."""
        if self.before in data:
            hit.drop()
        return data


class Garble(Fault):
    """Makes every chunk unreadable."""

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Replace it."""
        return b"?" * len(data)


class Stumble(Fault):
    """A fault that is itself broken."""

    async def apply(self, hit: Hit) -> None:
        """Raise."""
        raise ZeroDivisionError


class TestFaults:
    @pytest.mark.parametrize("what", [CHAT, CHAT | {"stream": True}, b"{"])
    def test_drop(self, tmp_path: Path, what: object) -> None:
        """Nothing comes back but FIN, whatever was asked; the row has the fault and neither status nor times of an answer."""
        rig = Rig(tmp_path)
        rig.put(Drop())
        answer, row = one(rig, post(what))
        assert answer == b""
        assert (row["end"], row["fault"], row["status"]) == (DROPPED, 1, 0)
        assert (row["first_token_ns"], row["service_ns"]) == (NEVER, NEVER)
        assert row["ended_ns"] >= row["arrived_ns"]

    def test_an_answer_in_place_of_the_providers(self, tmp_path: Path) -> None:
        """Its status is in the row; no token was made."""
        rig = Rig(tmp_path)
        rig.put(Refuse())
        answer, row = one(rig, post(CHAT | {"stream": True}))
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert answer.endswith(b'{"error":"overloaded"}')
        assert (row["end"], row["fault"], row["status"], row["tokens_out"]) == (FAILED, 1, 503, 0)

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_stall_is_part_of_the_service_time(self, tmp_path: Path, stream: bool) -> None:
        """The stamp tells what really happened, with the fault in it."""
        rig = Rig(tmp_path)
        rig.put(Stall(seconds=0.05))
        answer, row = one(rig, post(CHAT | {"stream": stream}))
        stamp = find_stamp(answer)
        assert stamp is not None
        assert stamp.service_ns is not None
        assert stamp.service_ns >= 45_000_000
        assert row["first_token_ns"] - row["arrived_ns"] >= 45_000_000
        assert row["end"] == COMPLETED

    def test_a_stream_is_cut_where_the_fault_says(self, tmp_path: Path) -> None:
        """What was said before arrives, the rest does not, and the row knows how many tokens went out."""
        rig = Rig(tmp_path)
        rig.put(Cut(before=b'" w3 '))
        answer, row = one(rig, post(CHAT | {"stream": True}))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (b" w2" in answer, b" w3" in answer, b"[DONE]" in answer) == (True, False, False)
        assert not answer.endswith(b"0\r\n\r\n")
        assert (row["end"], row["status"], row["tokens_out"]) == (DROPPED, 200, 2)

    def test_the_terminal_event_alone_can_be_cut(self, tmp_path: Path) -> None:
        """Each event passes the fault by itself, the last ones too."""
        rig = Rig(tmp_path)
        rig.put(Cut(before=b"[DONE]"))
        answer, row = one(rig, post(CHAT | {"stream": True}))
        assert (b'"finish_reason":"stop"' in answer, b"[DONE]" in answer) == (True, False)
        assert (row["end"], row["tokens_out"]) == (DROPPED, 3)

    def test_a_whole_answer_is_one_chunk(self, tmp_path: Path) -> None:
        """A fault may change it, and its length stays true."""
        rig = Rig(tmp_path)
        rig.put(Garble())
        answer, row = one(rig, post())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.endswith(b"content-length: %d" % len(body))
        assert set(body) == {ord("?")}
        assert row["end"] == COMPLETED

    def test_a_broken_fault_is_no_answer(self, tmp_path: Path) -> None:
        """The connection closes and the row says error."""
        rig = Rig(tmp_path)
        rig.put(Stumble())
        answer, row = one(rig, post())
        assert (answer, row["end"]) == (b"", FAILED)


class TestLeaving:
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_caller_who_leaves_is_noticed_at_once(self, tmp_path: Path, stream: bool) -> None:
        """The row is written when the caller goes, not when the answer would have been due."""
        rig = Rig(tmp_path, latency={"ttft_median_ms": 3_600_000, "ttft_sigma": 0})

        async def test(rig: Rig) -> None:
            _, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            writer.write(post(CHAT | {"stream": stream}))
            while not rig.ledger.in_flight:
                await asyncio.sleep(0.001)
            writer.close()
            while rig.ledger.in_flight:
                await asyncio.sleep(0.001)

        rig.run(test)
        (row,) = rig.rows
        assert (row["end"], row["status"], row["first_token_ns"], row["tokens_out"]) == (CANCELLED, 0, NEVER, 0)
        assert row["ended_ns"] - row["arrived_ns"] < HOUR_NS // 60

    def test_a_caller_who_leaves_within_a_stream(self, tmp_path: Path) -> None:
        """The row knows how far the stream came."""
        latency = {"ttft_median_ms": 0, "ttft_sigma": 0, "token_ms": 3_600_000, "token_sigma": 0}
        rig = Rig(tmp_path, latency=latency)

        async def test(rig: Rig) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            writer.write(post(CHAT | {"stream": True}))
            await reader.readuntil(b" w1")
            writer.close()
            while rig.ledger.in_flight:
                await asyncio.sleep(0.001)

        rig.run(test)
        (row,) = rig.rows
        assert (row["end"], row["status"], row["tokens_out"]) == (CANCELLED, 200, 1)
        assert row["service_ns"] == row["first_token_ns"] - row["arrived_ns"]
