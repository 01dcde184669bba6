"""Anthropic's models on Bedrock: the model is in the path, what is asked is read strictly, errors have Bedrock's shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gatebench.execution.upstream.faults.contract import Fault
from gatebench.execution.upstream.faults.error import Error
from gatebench.execution.upstream.faults.rate_429 import Rate429
from gatebench.sample import COMPLETED
from gatebench.stamp import find_stamp, fingerprint
from tests.execution.upstream.serving import Rig, one, post

PATH = b"/model/anthropic.claude-sonnet-4-20250514-v1%3A0/invoke"
ASKED: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 3,
    "messages": [{"role": "user", "content": "one two three"}],
}


def body_of(answer: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer."""
    said = orjson.loads(answer.partition(b"\r\n\r\n")[2])
    assert isinstance(said, dict)
    return said


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (Error(status=500), 500, b"InternalServerException"),
        (Error(status=503), 503, b"ServiceUnavailableException"),
        (Rate429(retry_after_s=1.0), 429, b"ThrottlingException"),
    ],
)
def test_faults_sit_on_it_and_speak_its_language(tmp_path: Path, fault: Fault, status: int, kind: bytes) -> None:
    """An injected error has the shape of Bedrock's own."""
    rig = Rig(tmp_path)
    rig.put(fault)
    answer, row = one(rig, post(ASKED, path=PATH))
    assert (row["status"], row["fault"]) == (status, 1)
    assert b"x-amzn-errortype: " + kind in answer
    assert "message" in body_of(answer)


def test_an_invocation_is_answered_with_a_message(tmp_path: Path) -> None:
    """The model of the path, the stamp in id and text, and a row like that of every attempt."""
    answer, row = one(Rig(tmp_path), post(ASKED, b"x-gatebench-tenant: tenant-1", path=PATH))
    said = body_of(answer)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (said["type"], said["model"]) == ("message", "anthropic.claude-sonnet-4-20250514-v1:0")
    assert said["usage"]["input_tokens"] == said["usage"]["output_tokens"] == 3
    stamp = find_stamp(said["content"][0]["text"].encode())
    assert stamp is not None
    assert stamp.tenant == "tenant-1"
    assert row["fingerprint"] == fingerprint("one two three") == stamp.fingerprint
    assert (row["tokens_in"], row["tokens_out"], row["status"], row["end"]) == (3, 3, 200, COMPLETED)


@pytest.mark.parametrize(
    ("path", "what", "status", "word"),
    [
        (PATH, ASKED | {"anthropic_version": "2023-06-01"}, 400, "bedrock-2023-05-31"),
        (PATH, {}, 400, "anthropic_version"),
        (PATH, {}, 400, "max_tokens: Field required"),
        (PATH, ASKED | {"model": "m"}, 400, "model: Extra inputs"),
        (PATH, ASKED | {"stream": True}, 400, "stream: Extra inputs"),
        (PATH, b"no JSON", 400, "not JSON"),
        (b"/model/m/invoke-with-response-stream", ASKED, 404, "unknown"),
    ],
)
def test_what_is_refused(tmp_path: Path, path: bytes, what: object, status: int, word: str) -> None:
    """The type of the error is in a header, as Bedrock's clients read it, what is wrong in `message`."""
    answer, row = one(Rig(tmp_path), post(what, path=path))
    assert row["status"] == status
    kind = b"ValidationException" if status == 400 else b"ResourceNotFoundException"
    assert b"x-amzn-errortype: %b\r\n" % kind in answer
    assert word in body_of(answer)["message"]
    assert find_stamp(answer) is not None


def test_too_much_is_throttled(tmp_path: Path) -> None:
    """429 with Bedrock's word for it, and not a word about where the limit stands."""
    rig = Rig(tmp_path, limits={"tokens_per_minute": 6})

    async def ask_twice(rig: Rig) -> tuple[bytes, bytes]:
        return await rig.ask(post(ASKED, path=PATH)), await rig.ask(post(ASKED, path=PATH))

    passed, rejected = rig.run(ask_twice)
    assert b"errortype" not in passed
    assert rejected.startswith(b"HTTP/1.1 429 ")
    assert b"x-amzn-errortype: ThrottlingException\r\n" in rejected
    assert b"ratelimit" not in rejected
