"""What each mechanism makes of an answer, byte by byte, for every API; and the row that it leaves."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.faults.content_type import ContentType
from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.cut import Cut
from gatebench.execution.upstream.faults.error import Error
from gatebench.execution.upstream.faults.fail_first import FailFirst
from gatebench.execution.upstream.faults.latency_ramp import LatencyRamp
from gatebench.execution.upstream.faults.malformed import Malformed
from gatebench.execution.upstream.faults.outage import Outage
from gatebench.execution.upstream.faults.quota_429 import Quota429
from gatebench.execution.upstream.faults.rate_429 import Rate429
from gatebench.execution.upstream.faults.slow_first_token import SlowFirstToken
from gatebench.execution.upstream.faults.stall import Stall
from gatebench.execution.upstream.faults.tokens_exhausted import TokensExhausted
from gatebench.execution.upstream.faults.unterminated import Unterminated
from gatebench.execution.upstream.faults.usage import Usage
from gatebench.sample import CANCELLED, COMPLETED, DROPPED, FAILED, NEVER
from gatebench.stamp import find_stamp
from tests.execution.upstream.serving import CHAT, HOUR_NS, Rig, one, post

STREAM = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
MESSAGE = {"model": "m", "max_tokens": 3, "messages": [{"role": "user", "content": "one two three"}]}
EMBEDDING = {"model": "e", "input": "one two", "dimensions": 4}
MS = 1_000_000


def messages(stream: bool = False) -> bytes:
    """A request for a message."""
    return post(MESSAGE | {"stream": stream}, path=b"/v1/messages")


def embeddings() -> bytes:
    """A request for a vector."""
    return post(EMBEDDING, path=b"/v1/embeddings")


def rest(method: bytes = b"GET") -> bytes:
    """A request for a resource."""
    return post(b"", path=b"/rest/items/0", method=method)


EVERY = {
    "chat": post(),
    "chat-stream": post(STREAM),
    "messages": messages(),
    "messages-stream": messages(True),
    "embeddings": embeddings(),
    "rest": rest(),
    "models": post(b"", path=b"/v1/models", method=b"GET"),
}


def under(folder: Path, fault: Fault, request: bytes, **config: Any) -> tuple[bytes, bytes, dict[str, int]]:
    """Head and body of the answer to a request that `fault` hits, and its row."""
    rig = Rig(folder, **config)
    rig.put(fault)
    answer, row = one(rig, request)
    assert rig.failures == []
    assert row["fault"] == 1
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body, row


def unchunked(body: bytes) -> bytes:
    """The content of the chunks, and nothing of what lacks its end."""
    content = b""
    while (size := re.match(rb"([0-9a-f]+)\r\n", body)) is not None:
        length = int(size[1], 16)
        content += body[size.end() : size.end() + length]
        body = body[size.end() + length + 2 :]
    return content


class TestErrors:
    @pytest.mark.parametrize("name", EVERY)
    @pytest.mark.parametrize("status", [500, 502, 503, 529])
    def test_an_error_of_the_api_that_was_asked(self, tmp_path: Path, name: str, status: int) -> None:
        """Its status, its shape, a stamp, and a row that says error; nothing is waited for and no token made."""
        head, body, row = under(
            tmp_path, Error(status=status), EVERY[name], latency={"ttft_median_ms": 3_600_000, "ttft_sigma": 0}
        )
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"content-type: application/json\r\n" in head
        stamp = find_stamp(head)
        assert stamp is not None
        said = orjson.loads(body)
        if name.startswith("messages"):
            assert said["type"] == "error"
            assert said["error"]["type"] == ("overloaded_error" if status == 529 else "api_error")
            assert said["request_id"] == f"req_{stamp}"
        else:
            assert set(said["error"]) == {"message", "type", "param", "code"}
            assert (said["error"]["type"], said["error"]["code"]) == ("server_error", None)
        assert (row["status"], row["end"], row["tokens_out"]) == (status, FAILED, 0)
        assert row["service_ns"] == stamp.service_ns

    @pytest.mark.parametrize("status", [399, 600, 200])
    def test_a_status_that_is_no_error(self, status: int) -> None:
        """It is refused."""
        with pytest.raises(ValidationError):
            Error(status=status)

    def test_a_rate_limit_in_openais_words(self, tmp_path: Path) -> None:
        """Type, code, and when to come back: in whole seconds, rounded up, and in milliseconds."""
        head, body, row = under(tmp_path, Rate429(retry_after_s=1.5), post())
        error = orjson.loads(body)["error"]
        assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
        assert error["message"].endswith("on requests per min (RPM). Please try again in 1.5s.")
        assert b"\r\nretry-after-ms: 1500\r\nretry-after: 2" in head
        assert (row["status"], row["end"]) == (429, FAILED)

    def test_a_rate_limit_in_anthropics_words(self, tmp_path: Path) -> None:
        """Its one type for it, and its one header."""
        head, body, _ = under(tmp_path, Rate429(retry_after_s=2), messages(True))
        assert orjson.loads(body)["error"]["type"] == "rate_limit_error"
        assert b"\r\nretry-after: 2" in head
        assert b"retry-after-ms" not in head

    @pytest.mark.parametrize("fault", [Rate429(retry_after_s=0), Quota429()])
    @pytest.mark.parametrize("name", EVERY)
    def test_nothing_says_when_to_come_back(self, tmp_path: Path, fault: Fault, name: str) -> None:
        """Neither a header nor a word."""
        head, body, row = under(tmp_path, fault, EVERY[name])
        assert b"retry-after" not in head
        assert b"try again" not in body
        assert row["status"] == 429

    def test_a_quota_is_not_a_rate(self, tmp_path: Path) -> None:
        """OpenAI's clients tell the two apart by type and code, with a header or without."""
        head, body, _ = under(tmp_path, Quota429(retry_after_s=60), embeddings())
        error = orjson.loads(body)["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
        assert b"\r\nretry-after: 60" in head


class TestWhereAnAnswerBreaks:
    @pytest.mark.parametrize(("after", "out"), [(0, 0), (1, 1), (2, 2), (3, 2), (99, 2)])
    @pytest.mark.parametrize("name", ["chat-stream", "messages-stream"])
    def test_a_stream_is_cut_within_a_token(self, tmp_path: Path, name: str, after: int, out: int) -> None:
        """So many tokens are whole, the next one is not; neither the event nor the stream has its end."""
        head, body, row = under(tmp_path, Cut(after_tokens=after), EVERY[name])
        content = unchunked(body)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert [b" w%d" % (n + 1) in content for n in range(3)] == [n < out for n in range(3)]
        assert content.endswith(b" w")
        assert not body.endswith(b"0\r\n\r\n")
        assert (row["end"], row["status"], row["tokens_out"]) == (DROPPED, 200, out)
        assert row["service_ns"] >= row["first_token_ns"] - row["arrived_ns"] >= 0

    @pytest.mark.parametrize("after", [0, 2, 99])
    @pytest.mark.parametrize("name", ["chat", "messages"])
    def test_a_whole_answer_is_cut_within_a_token(self, tmp_path: Path, name: str, after: int) -> None:
        """The head promises more than comes; the row has the tokens that did."""
        head, body, row = under(tmp_path, Cut(after_tokens=after), EVERY[name])
        promised = re.search(rb"content-length: (\d+)", head)
        assert promised is not None
        assert len(body) < int(promised[1])
        assert re.search(rb'["w\d ]w$', body)
        assert body.count(b" w") + body.count(b'"w') == min(after, 2) + 1
        assert (row["end"], row["status"], row["tokens_out"]) == (DROPPED, 200, min(after, 2))

    @pytest.mark.parametrize("name", ["embeddings", "rest", "models"])
    def test_what_has_no_tokens_is_cut_in_its_middle(self, tmp_path: Path, name: str) -> None:
        """Half of its body comes."""
        head, body, row = under(tmp_path, Cut(), EVERY[name])
        promised = re.search(rb"content-length: (\d+)", head)
        assert promised is not None
        assert len(body) == int(promised[1]) // 2
        assert (row["end"], row["status"], row["tokens_out"]) == (DROPPED, 200, 0)

    @pytest.mark.parametrize("fault", [Cut(), Stall(), Malformed(), Usage()])
    def test_an_answer_without_a_body_has_nothing_to_break(self, tmp_path: Path, fault: Fault) -> None:
        """HEAD is answered as ever."""
        head, body, row = under(tmp_path, fault, rest(b"HEAD"))
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body == b""
        assert row["end"] == COMPLETED


class TestStall:
    def stalled(
        self,
        folder: Path,
        request: bytes,
        end: Callable[[Rig], Awaitable[None]],
        for_ns: int = HOUR_NS,
        *,
        after_tokens: int = 1,
        until: bytes = b"w1",
    ) -> tuple[bytes, dict[str, int]]:
        """What came until `end` made an end of a stream that fell silent after `until`, and the row; `for_ns` from its `put`."""
        rig = Rig(folder)
        put_ns = 0

        async def test(rig: Rig) -> bytes:
            nonlocal put_ns
            put_ns = time.monotonic_ns()
            rig.faults.put("broken", "provider.stall", Stall(after_tokens=after_tokens), put_ns, for_ns)
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            writer.write(request)
            answer = await reader.readuntil(until)
            await end(rig)
            async with asyncio.timeout(10):
                answer += await reader.read()
            writer.close()
            return answer

        answer = rig.run(test)
        (row,) = rig.rows
        return answer, {**row, "put_ns": put_ns}

    @pytest.mark.parametrize("name", ["chat", "chat-stream", "messages", "messages-stream"])
    def test_it_ends_with_the_fault(self, tmp_path: Path, name: str) -> None:
        """Cleared, the fault closes the connection at once; not a byte more is said."""

        async def clear(rig: Rig) -> None:
            await asyncio.sleep(0.05)
            rig.faults.clear("broken", time.monotonic_ns())

        answer, row = self.stalled(tmp_path, EVERY[name], clear)
        assert b"w2 " not in answer
        assert b' w2"' not in answer
        assert (row["end"], row["status"], row["tokens_out"]) == (DROPPED, 200, 1)
        lasted_ns = row["ended_ns"] - row["arrived_ns"]
        assert 45 * MS < lasted_ns < 5_000 * MS
        assert row["service_ns"] < lasted_ns - 45 * MS  # the last byte left long before

    def test_it_ends_by_itself(self, tmp_path: Path) -> None:
        """Nobody clears it, and nobody asks: at its time to live the connection is closed."""

        async def wait(rig: Rig) -> None:
            """Do nothing."""

        _, row = self.stalled(tmp_path, EVERY["chat-stream"], wait, 2_000 * MS)
        assert row["end"] == DROPPED
        assert 1_990 * MS < row["ended_ns"] - row["put_ns"] < 10_000 * MS

    def test_renewed_it_goes_on(self, tmp_path: Path) -> None:
        """A longer time to live holds for those who are stalled already."""

        async def renew(rig: Rig) -> None:
            rig.faults.put("broken", "provider.stall", Stall(), time.monotonic_ns(), HOUR_NS)
            await asyncio.sleep(2.2)
            assert rig.ledger.in_flight == 1
            rig.faults.clear("broken", time.monotonic_ns())

        _, row = self.stalled(tmp_path, EVERY["chat-stream"], renew, 2_000 * MS)
        assert row["ended_ns"] - row["arrived_ns"] > 2_190 * MS

    def test_who_leaves_is_noticed(self, tmp_path: Path) -> None:
        """The row says cancelled, at once."""
        rig = Rig(tmp_path)
        rig.put(Stall())

        async def test(rig: Rig) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
            writer.write(post(STREAM))
            await reader.readuntil(b"w1")
            writer.close()
            async with asyncio.timeout(5):
                while rig.ledger.in_flight:
                    await asyncio.sleep(0.001)

        rig.run(test)
        (row,) = rig.rows
        assert (row["end"], row["status"], row["tokens_out"]) == (CANCELLED, 200, 1)

    def test_before_the_first_token(self, tmp_path: Path) -> None:
        """Headers come, and what opens a message; the row has no token and, where nothing else was said, no first one."""

        async def clear(rig: Rig) -> None:
            await asyncio.sleep(0.05)
            rig.faults.clear("broken", time.monotonic_ns())

        for name, opened in (("chat-stream", False), ("messages-stream", True)):
            last = b"message_start" if opened else b"\r\n\r\n"
            answer, row = self.stalled(tmp_path, EVERY[name], clear, after_tokens=0, until=last)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert (b"message_start" in answer) is opened
            assert b"w1" not in answer
            assert (row["end"], row["tokens_out"]) == (DROPPED, 0)
            assert (row["first_token_ns"] != NEVER) is opened


class TestLies:
    @pytest.mark.parametrize(("name", "terminal"), [("chat-stream", b"[DONE]"), ("messages-stream", b"message_stop")])
    def test_a_stream_without_its_end(self, tmp_path: Path, name: str, terminal: bytes) -> None:
        """Everything else is there, and HTTP is told that this was all."""
        _, body, row = under(tmp_path, Unterminated(), EVERY[name])
        assert terminal not in body
        assert b" w3" in body
        assert body.endswith(b"\r\n0\r\n\r\n")
        assert (row["end"], row["status"], row["tokens_out"]) == (COMPLETED, 200, 3)

    @pytest.mark.parametrize("name", ["chat", "messages", "embeddings", "rest"])
    def test_whole_answers_have_no_terminal_event(self, tmp_path: Path, name: str) -> None:
        """They are as ever."""
        _, body, _ = under(tmp_path, Unterminated(), EVERY[name])
        assert isinstance(orjson.loads(body), dict)

    @pytest.mark.parametrize("name", ["chat", "messages", "embeddings", "rest", "models"])
    def test_a_body_that_is_nearly_json(self, tmp_path: Path, name: str) -> None:
        """One brace is missing, and the length says so."""
        head, body, row = under(tmp_path, Malformed(), EVERY[name])
        assert b"content-length: %d" % len(body) in head
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(body)
        orjson.loads(body + b"}")
        assert (row["end"], row["status"]) == (COMPLETED, 200)

    @pytest.mark.parametrize("name", ["chat-stream", "messages-stream"])
    @pytest.mark.parametrize(("after", "broken"), [(0, 1), (1, 2), (99, 3)])
    def test_one_event_that_is_nearly_json(self, tmp_path: Path, name: str, after: int, broken: int) -> None:
        """That of one token; the frames of the events hold, and the stream goes on to its end."""
        _, body, row = under(tmp_path, Malformed(after_tokens=after), EVERY[name])
        events = [event.rpartition(b"data: ")[2] for event in unchunked(body).split(b"\n\n")[:-1]]
        wrong = []
        for event in events:
            if event != b"[DONE]":
                try:
                    orjson.loads(event)
                except orjson.JSONDecodeError:
                    wrong.append(event)
        assert [b" w%d" % broken in event for event in wrong] == [True]
        assert b"[DONE]" in body or b"message_stop" in body
        assert (row["end"], row["tokens_out"]) == (COMPLETED, 3)

    @pytest.mark.parametrize("name", EVERY)
    def test_another_type(self, tmp_path: Path, name: str) -> None:
        """One content type, not the right one; the body is right."""
        head, body, row = under(tmp_path, ContentType(content_type="text/plain; charset=utf-8"), EVERY[name])
        assert re.findall(rb"content-type: ([^\r]*)", head) == [b"text/plain; charset=utf-8"]
        assert b"[DONE]" in body or b"message_stop" in body or orjson.loads(body)
        assert row["end"] == COMPLETED

    @pytest.mark.parametrize("wrong", ["", "html", "text/html\r\nx: y", "text/html; a", "a b/c"])
    def test_a_type_that_is_none(self, wrong: str) -> None:
        """It is refused: a header ends where we say."""
        with pytest.raises(ValidationError):
            ContentType(content_type=wrong)

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("chat", {"prompt_tokens": 6, "completion_tokens": 6, "total_tokens": 12}),
            ("chat-stream", {"prompt_tokens": 6, "completion_tokens": 6, "total_tokens": 12}),
            ("embeddings", {"prompt_tokens": 4, "total_tokens": 4}),
        ],
    )
    def test_wrong_counts(self, tmp_path: Path, name: str, told: dict[str, int]) -> None:
        """Twice the truth is told, and the truth is written down."""
        _, body, row = under(tmp_path, Usage(factor=2), EVERY[name])
        usage = re.search(rb'"usage":(\{[^}]*\})', body.replace(b'"usage":null', b""))
        assert usage is not None
        assert orjson.loads(usage[1]) == told
        assert (row["tokens_in"], row["tokens_out"]) == (
            told["prompt_tokens"] // 2,
            told.get("completion_tokens", 0) // 2,
        )

    def test_wrong_counts_in_a_message_and_its_stream(self, tmp_path: Path) -> None:
        """Where Anthropic counts: at the start, and at the end."""
        _, body, _ = under(tmp_path, Usage(factor=3), messages())
        usage = orjson.loads(body)["usage"]
        assert (usage["input_tokens"], usage["output_tokens"]) == (9, 9)
        _, body, row = under(tmp_path, Usage(factor=3), messages(True))
        assert b'"input_tokens":9,' in body
        assert b'"usage":{"output_tokens":9}' in body
        assert (row["tokens_in"], row["tokens_out"]) == (3, 3)

    @pytest.mark.parametrize(
        ("factor", "tokens", "told"), [(2, 3, 6), (1.1, 3, 4), (0.9, 3, 2), (0, 3, 0), (0.5, 1, 0), (1.001, 1, 2)]
    )
    def test_no_count_is_right_by_chance(self, factor: float, tokens: int, told: int) -> None:
        """3 x 1.1 = 3.3 and 3 x 0.9 = 2.7 are rounded away from 3."""
        assert Usage(factor=factor).told(tokens) == told

    def test_the_truth_is_no_fault(self) -> None:
        """A factor of 1 is refused."""
        with pytest.raises(ValidationError):
            Usage(factor=1)


class TestTime:
    @pytest.mark.parametrize("name", sorted(EVERY.keys() - {"models"}))
    def test_the_first_token_comes_later(self, tmp_path: Path, name: str) -> None:
        """By so much; the stamp and the row know."""
        _, _, row = under(tmp_path, SlowFirstToken(delay_ms=60), EVERY[name])
        assert 58 * MS <= row["first_token_ns"] - row["arrived_ns"] <= row["service_ns"]
        assert row["end"] == COMPLETED

    @pytest.mark.parametrize(("elapsed_s", "added_ms"), [(0, 100), (2.5, 200), (5, 300), (10, 500), (60, 500)])
    def test_a_ramp_goes_up(self, elapsed_s: float, added_ms: float) -> None:
        """From 100 ms to 500 ms in 10 s: 40 ms a second, and no further."""
        assert LatencyRamp(from_ms=100, to_ms=500, over_s=10).added_ms(elapsed_s) == pytest.approx(added_ms)

    def test_a_ramp_may_go_down(self) -> None:
        """From 500 ms to 100 ms in 10 s."""
        assert LatencyRamp(from_ms=500, to_ms=100, over_s=10).added_ms(2.5) == pytest.approx(400)

    @pytest.mark.parametrize("name", ["chat", "chat-stream", "rest"])
    def test_a_ramp_says_what_it_added(self, tmp_path: Path, name: str) -> None:
        """In a header, in microseconds, as it really was."""
        head, _, row = under(tmp_path, LatencyRamp(from_ms=50, to_ms=50), EVERY[name])
        said = re.search(rb"x-gatebench-added-us: (\d+)", head)
        assert said is not None
        assert 48_000 <= int(said[1]) <= row["service_ns"] // 1000

    def test_a_ramp_begins_when_it_is_switched_on(self, tmp_path: Path) -> None:
        """Half of its time later it is half-way at least, also for one who renews it."""
        rig = Rig(tmp_path)
        ramp = LatencyRamp(from_ms=0, to_ms=100, over_s=10)
        began_ns = time.monotonic_ns() - 5_000 * MS
        rig.faults.put("broken", "provider.latency_ramp", ramp, began_ns, HOUR_NS)
        rig.faults.put("broken", "provider.latency_ramp", ramp, time.monotonic_ns(), HOUR_NS)
        _, row = one(rig, post())
        assert row["service_ns"] >= 48 * MS

    def test_a_delay_ends_with_its_fault(self, tmp_path: Path) -> None:
        """Cleared, who waits is answered: nobody is left hanging."""
        rig = Rig(tmp_path)

        async def test(rig: Rig) -> bytes:
            rig.put(SlowFirstToken(delay_ms=3_600_000))
            answer = asyncio.create_task(rig.ask(post(STREAM)))
            while not rig.ledger.in_flight:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            rig.faults.clear("broken", time.monotonic_ns())
            async with asyncio.timeout(5):
                return await answer

        assert b"[DONE]" in rig.run(test)
        (row,) = rig.rows
        assert (row["end"], row["tokens_out"]) == (COMPLETED, 3)


class TestFailFirst:
    def ask(self, folder: Path, fault: Fault, requests: list[bytes]) -> list[int]:
        """The statuses of answers to `requests`, one after the other."""
        rig = Rig(folder)
        rig.put(fault)

        async def test(rig: Rig) -> list[int]:
            return [int((await rig.ask(request))[9:12]) for request in requests]

        statuses = rig.run(test)
        assert [row["status"] for row in rig.rows] == statuses
        return statuses

    def test_the_first_attempts_of_each_request_fail(self, tmp_path: Path) -> None:
        """Two of each; another request begins anew, and a third attempt passes."""
        ids = [b"x-request-id: gb-0123abcd-%d-0-l" % number for number in (1, 1, 2, 1, 2, 2, 1)]
        statuses = self.ask(tmp_path, FailFirst(count=2, status=500), [post(CHAT, id_) for id_ in ids])
        assert statuses == [500, 500, 500, 200, 500, 200, 200]

    def test_without_an_id_the_prompt_names_the_request(self, tmp_path: Path) -> None:
        """The same prompt is the same request, another is not, and another path is not either."""
        other = CHAT | {"messages": [{"role": "user", "content": "four"}]}
        requests = [post(), post(), post(other), post(other), messages(), messages(), rest(), rest()]
        assert self.ask(tmp_path, FailFirst(), requests) == [503, 200] * 4


class TestTokensExhausted:
    def test_the_budget_comes_back(self, tmp_path: Path) -> None:
        """At 180 tokens a minute three come in a second: a request of 6 is let through after 2 s. What is rejected takes nothing."""
        rig = Rig(tmp_path)

        async def test(rig: Rig) -> list[bytes]:
            began_ns = time.monotonic_ns()
            rig.put(TokensExhausted(tokens_per_minute=180))
            first = again = await rig.ask(post())
            async with asyncio.timeout(20):
                while again.startswith(b"HTTP/1.1 429 "):
                    await asyncio.sleep(0.05)
                    again = await rig.ask(post())
            assert time.monotonic_ns() - began_ns >= 2_000 * MS
            return [first, again, await rig.ask(post()), await rig.ask(EVERY["models"])]

        first, second, third, listing = rig.run(test)
        assert [int(answer[9:12]) for answer in (first, second, third, listing)] == [429, 200, 429, 200]
        error = orjson.loads(first.partition(b"\r\n\r\n")[2])["error"]
        assert (error["type"], error["code"]) == ("tokens", "rate_limit_exceeded")
        assert re.search(
            r"Limit 180, Used (180|17\d), Requested 6\. Please try again in [\d.]+m?s\.$", error["message"]
        )
        for line in (
            rb"x-ratelimit-limit-tokens: 180\r",
            rb"x-ratelimit-remaining-tokens: [0-5]\r",
            rb"retry-after: [12]\r",
        ):
            assert re.search(line, first), line
        assert b"x-ratelimit-remaining-tokens: " in second
        assert b"retry-after" not in second

    def test_in_anthropics_words(self, tmp_path: Path) -> None:
        """Its headers and its error."""
        head, body, row = under(tmp_path, TokensExhausted(tokens_per_minute=60), messages(True))
        assert b"anthropic-ratelimit-tokens-limit: 60" in head
        assert re.search(rb"\r\nanthropic-ratelimit-tokens-remaining: [0-2]\r", head)
        assert re.search(rb"\r\nretry-after: [4-6](\r|$)", head)
        assert orjson.loads(body)["error"]["type"] == "rate_limit_error"
        assert (row["status"], row["end"]) == (429, FAILED)

    def test_what_never_fits(self, tmp_path: Path) -> None:
        """A request larger than the whole budget is told so, without a time to come back."""
        head, body, _ = under(tmp_path, TokensExhausted(tokens_per_minute=5), post())
        assert b"retry-after" not in head
        assert b"Request too large" in body

    def test_a_canary_takes_nothing(self, tmp_path: Path) -> None:
        """It is rejected whatever is there, and what is there stays."""
        rig = Rig(tmp_path)
        canary = post(CHAT, b"x-request-id: gb-0123abcd-1-0-c", b"x-gatebench-canary: broken")

        async def test(rig: Rig) -> list[int]:
            rig.put(TokensExhausted(tokens_per_minute=60_000))
            await asyncio.sleep(0.02)
            return [int((await rig.ask(request))[9:12]) for request in (*[canary] * 5, post())]

        assert rig.run(test) == [429] * 5 + [200]

    def test_several_processes_have_a_part_each(self, tmp_path: Path) -> None:
        """One of four gets a quarter: what takes 1 s for all takes it 4 s."""
        rig = Rig(tmp_path)
        rig.faults = ActiveFaults(7, ("", "broken"), 4)
        rig.put(TokensExhausted(tokens_per_minute=360))
        answer, _ = one(rig, post())
        waits = re.search(rb"retry-after-ms: (\d+)", answer)
        assert waits is not None
        assert 1_000 < int(waits[1]) <= 4_000


class TestOutage:
    def down(self, folder: Path, fault: Outage) -> list[bytes]:
        """What health, the list of models, an unknown path and the control API say."""
        rig = Rig(folder)
        rig.put(fault)

        async def test(rig: Rig) -> list[bytes]:
            control = post(b"", b"x-gatebench-token: 0123456789", path=b"/__gatebench__/state", method=b"GET")
            requests = [post(b"", path=path, method=b"GET") for path in (b"/health", b"/v1/models", b"/x")]
            return [await rig.ask(request) for request in (*requests, control.replace(b"host: h", b"host: localhost"))]

        answers = rig.run(test)
        assert len(rig.rows) == 2
        return [answer[9:12] for answer in answers]

    def test_everything_is_dropped(self, tmp_path: Path) -> None:
        """All but the control API."""
        assert self.down(tmp_path, Outage()) == [b"", b"", b"", b"200"]

    def test_everything_is_answered_with_a_status(self, tmp_path: Path) -> None:
        """Health too."""
        assert self.down(tmp_path, Outage(status=503)) == [b"503", b"503", b"503", b"200"]

    @pytest.mark.parametrize("narrow", [{"route": "/v1/models"}, {"tenant": "t"}, {"probability": 0.5}, {"nth": 2}])
    def test_an_outage_of_some_is_healthy(self, tmp_path: Path, narrow: dict[str, Any]) -> None:
        """Whoever asks for health learns nothing of it."""
        assert self.down(tmp_path, Outage.model_validate(narrow))[0] == b"200"

    @pytest.mark.parametrize("status", [200, 404, 499, 600, -1])
    def test_a_status_that_is_no_outage(self, status: int) -> None:
        """It is refused."""
        with pytest.raises(ValidationError):
            Outage(status=status)


class Second(Fault):
    """A fault that comes after another, and waits."""

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Wait for ever."""
        await hit.pause(math.inf)
        return data


def test_two_faults_at_once(tmp_path: Path) -> None:
    """Each has its turn at every chunk, and a pause ends with the fault that asked for it, not with the other."""
    rig = Rig(tmp_path)
    rig.faults = ActiveFaults(7, ("", "broken", "second"))

    async def test(rig: Rig) -> bytes:
        rig.put(Usage(factor=2))
        rig.faults.put("second", "provider.second", Second(), time.monotonic_ns(), HOUR_NS)
        answer = asyncio.create_task(rig.ask(post()))
        while not rig.ledger.in_flight:
            await asyncio.sleep(0.001)
        rig.faults.clear("broken", time.monotonic_ns())
        await asyncio.sleep(0.05)
        assert not answer.done()
        rig.faults.clear("second", time.monotonic_ns())
        async with asyncio.timeout(5):
            return await answer

    assert b'"total_tokens":12' in rig.run(test)
    (row,) = rig.rows
    assert (row["fault"], row["end"]) == (2, COMPLETED)


@pytest.mark.parametrize(("ends", "end"), [(Error(), FAILED), (Cut(), DROPPED), (Outage(), DROPPED)])
def test_the_row_names_the_fault_that_made_an_end(tmp_path: Path, ends: Fault, end: int) -> None:
    """Whichever came first, not the one that only waits or counts wrongly."""
    for order in (("broken", "second"), ("second", "broken")):
        rig = Rig(tmp_path)
        rig.faults = ActiveFaults(7, ("", "broken", "second"))
        for id_ in order:
            fault = ends if id_ == "broken" else Usage(factor=2)
            rig.faults.put(id_, f"provider.{id_}", fault, time.monotonic_ns(), HOUR_NS)
        _, row = one(rig, post(STREAM))
        assert (row["fault"], row["end"]) == (1, end)
