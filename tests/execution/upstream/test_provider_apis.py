"""What all APIs of a provider have in common, on real sockets: rows, limits, gaps, and who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.drop import Drop
from gatebench.sample import COMPLETED, DROPPED, FAILED
from gatebench.stamp import find_stamp, fingerprint
from tests.execution.upstream.serving import CHAT, Rig, one, post

MESSAGE = {"model": "m", "max_tokens": 3, "messages": [{"role": "user", "content": "one two three"}]}
EMBEDDING = {"model": "m", "input": ["one two", "three"], "dimensions": 4}
ID = "gb-0123abcd-6-0-l"
APIS: list[tuple[bytes, dict[str, Any]]] = [
    (b"/v1/chat/completions", CHAT),
    (b"/v1/messages", MESSAGE),
    (b"/v1/embeddings", EMBEDDING),
]


@pytest.mark.parametrize(("path", "what", "tokens"), [(*APIS[0], (3, 3)), (*APIS[1], (3, 3)), (*APIS[2], (3, 0))])
def test_the_row_says_what_was_asked(
    tmp_path: Path, path: bytes, what: dict[str, Any], tokens: tuple[int, int]
) -> None:
    """Fingerprint of the prompt, tokens in and out, the request's id, the tenant; the stamp agrees."""
    answer, row = one(
        Rig(tmp_path), post(what, f"x-request-id: {ID}".encode(), b"x-gatebench-tenant: tenant-1", path=path)
    )
    prompt = "one two\nthree" if "input" in what else "one two three"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (row["arrival_id"], row["tenant"], row["status"], row["end"]) == (6, 1, 200, COMPLETED)
    assert row["fingerprint"] == fingerprint(prompt)
    assert (row["tokens_in"], row["tokens_out"]) == tokens
    stamp = find_stamp(answer)
    assert stamp is not None
    assert (stamp.fingerprint, stamp.tenant, stamp.service_ns) == (row["fingerprint"], "tenant-1", row["service_ns"])


@pytest.mark.parametrize(
    ("path", "what"),
    [
        (b"/v1/chat/completions", CHAT | {"user": ID}),
        (b"/v1/embeddings", EMBEDDING | {"user": ID}),
        (b"/v1/messages", MESSAGE | {"metadata": {"user_id": ID}}),
    ],
)
def test_the_body_may_carry_the_request_id(tmp_path: Path, path: bytes, what: dict[str, Any]) -> None:
    """In the field that the API has for the caller."""
    _, row = one(Rig(tmp_path, request_id="user"), post(what, path=path))
    assert row["arrival_id"] == 6


@pytest.mark.parametrize(("path", "what"), APIS)
def test_a_limit_is_a_row_too(tmp_path: Path, path: bytes, what: dict[str, Any]) -> None:
    """The second request exceeds the limit: 429 in the API's own words, told when to come back, and in the ledger."""
    rig = Rig(tmp_path, limits={"tokens_per_minute": 6})
    request = post({**what, "input": "a b c d"} if "input" in what else what, path=path)

    async def ask_twice(rig: Rig) -> tuple[bytes, bytes]:
        return await rig.ask(request), await rig.ask(request)

    passed, rejected = rig.run(ask_twice)
    assert passed.startswith(b"HTTP/1.1 200 ")
    assert rejected.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    kind = "rate_limit_error" if path == b"/v1/messages" else "tokens"
    assert orjson.loads(rejected.partition(b"\r\n\r\n")[2])["error"]["type"] == kind
    prefix = b"anthropic-ratelimit-tokens-remaining: " if path == b"/v1/messages" else b"x-ratelimit-remaining-tokens: "
    left = b"2" if "input" in what else b"0"
    assert prefix + left in passed
    assert b"\r\nretry-after: " in rejected
    assert find_stamp(rejected) is not None
    assert [(row["status"], row["end"]) for row in rig.rows] == [(200, COMPLETED), (429, FAILED)]


def test_streams_say_where_the_limits_stand(tmp_path: Path) -> None:
    """Their headers go out before the first token, with the whole answer charged."""
    answer, _ = one(Rig(tmp_path, limits={"tokens_per_minute": 100}), post(CHAT | {"stream": True}))
    assert b"x-ratelimit-remaining-tokens: 94\r\n" in answer


def test_models_and_resources_are_not_limited(tmp_path: Path) -> None:
    """Canaries ask for the list of models: a limit must not look like a fault."""
    rig = Rig(tmp_path, limits={"requests_per_s": 1})

    async def ask(rig: Rig) -> list[bytes]:
        paths = [b"/v1/models", b"/rest/items/1"] * 3
        return [await rig.ask(post(b"", path=path, method=b"GET")) for path in paths]

    assert {answer.split(b"\r\n")[0] for answer in rig.run(ask)} == {b"HTTP/1.1 200 OK"}


def test_what_a_fault_ends_is_charged_nothing(tmp_path: Path) -> None:
    """A dropped request leaves the limit as it was."""
    rig = Rig(tmp_path, limits={"tokens_per_minute": 6})
    rig.put(Drop())

    async def ask(rig: Rig) -> bytes:
        assert await rig.ask(post()) == b""
        rig.faults.clear("broken", 2**62)
        return await rig.ask(post())

    assert rig.run(ask).startswith(b"HTTP/1.1 200 ")
    assert [row["end"] for row in rig.rows] == [DROPPED, COMPLETED]


class Slow(Fault):
    """Holds every event for a while."""

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Wait, and pass it on."""
        await hit.pause(0.02)
        return data


class TestGaps:
    @pytest.mark.parametrize(("path", "what"), APIS[:2])
    def test_the_longest_gap_is_between_two_tokens(self, tmp_path: Path, path: bytes, what: dict[str, Any]) -> None:
        """Tokens every 20 ms: the longest gap is at least that, and no longer than the whole stream after the first."""
        latency = {"kind": "constant", "ttft_ms": 50, "token_ms": 20}
        _, row = one(Rig(tmp_path, latency=latency), post(what | {"stream": True}, path=path))
        assert row["tokens_out"] == 3
        # A timer has a grain of 1 ms and rounds to the nearest; every due time counts from the arrival.
        assert 18_000 <= row["gap_max_us"] <= (row["service_ns"] - 48_000_000) // 1000

    def test_tokens_of_one_write_share_its_time(self, tmp_path: Path) -> None:
        """A stream that is written at once has no gap, nor has a whole answer."""
        _, row = one(Rig(tmp_path), post(CHAT | {"stream": True}))
        assert (row["tokens_out"], row["gap_max_us"]) == (3, 0)

    @pytest.mark.parametrize(("path", "what"), APIS[:2])
    def test_what_a_fault_holds_up_counts(self, tmp_path: Path, path: bytes, what: dict[str, Any]) -> None:
        """Events that go out one by one have gaps even when they were due together; those without a token count for none."""
        rig = Rig(tmp_path)
        rig.put(Slow())
        answer, row = one(rig, post(what | {"stream": True}, path=path))
        assert answer.endswith(b"0\r\n\r\n")
        assert (row["tokens_out"], row["end"]) == (3, COMPLETED)
        assert 18_000 <= row["gap_max_us"] <= row["service_ns"] // 1000 - 40_000
