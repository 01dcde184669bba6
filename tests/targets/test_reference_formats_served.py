"""The reference gateway's attempt against a simulated provider in each format: one request, one shape, one stamp."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from gatebench.stamp import find_stamps, fingerprint
from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole
from targets.reference.refgate.attempt import attempt
from targets.reference.refgate.client import open_session
from targets.reference.refgate.formats.registry import build_formats
from targets.reference.refgate.provider import Provider
from targets.reference.refgate.settings.formats import FormatName
from targets.reference.refgate.translating import translating
from tests.execution.upstream.serving import Rig
from tests.targets.test_reference_parts import provider

PROMPT = "one two three"
FORMATS: tuple[FormatName, ...] = ("openai", "anthropic", "bedrock")


def asked(**fields: Any) -> Outgoing:
    """Return a chat request of tenant-1."""
    chat = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 3, **fields}
    headers = CIMultiDict({"x-gatebench-tenant": "tenant-1", "Authorization": "Bearer key"})
    return Outgoing("POST", "/v1/chat/completions", headers, json.dumps(chat).encode())


def through(rig: Rig, format_: FormatName, outgoing: Outgoing) -> tuple[Whole | Stream | Failure, bytes]:
    """Return what comes of one attempt at a provider that speaks `format_`, and the body with all that was streamed."""

    async def one(rig: Rig) -> tuple[Whole | Stream | Failure, bytes]:
        async with open_session(1.0) as session:

            async def send(to: Provider, what: Outgoing, limit_s: float) -> Whole | Stream | Failure:
                return await attempt(session, f"http://127.0.0.1:{rig.port}", what, limit_s)

            result = await translating(send, build_formats({"provider-a": format_}))(provider(), outgoing, 10.0)
            return result, await _body(result)

    return rig.run(one)


async def _body(result: Whole | Stream | Failure) -> bytes:
    if isinstance(result, Whole):
        return result.body
    body = b""
    if isinstance(result, Stream):
        body = result.first
        while data := await result.upstream.read():
            body += data
        result.upstream.release()
    return body


@pytest.mark.parametrize("format_", FORMATS)
def test_a_whole_answer(tmp_path: Path, format_: FormatName) -> None:
    """The same completion whoever made it; its usage is what the ledger says, its stamp the attempt's."""
    rig = Rig(tmp_path)
    result, body = through(rig, format_, asked())
    assert isinstance(result, Whole)
    said = json.loads(body)
    assert {"id", "object", "created", "model", "choices", "usage"} <= said.keys()
    assert said["choices"][0]["message"]["content"].startswith("w1 w2 w3 gb1~")
    assert (said["choices"][0]["finish_reason"], said["model"]) == ("stop", "m")
    [row] = rig.rows
    assert said["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    assert (row["tokens_in"], row["tokens_out"], row["fingerprint"]) == (3, 3, fingerprint(PROMPT))
    assert {(stamp.attempt, stamp.tenant, stamp.service_ns) for stamp in find_stamps(body)} == {
        (1, "tenant-1", row["service_ns"])
    }


@pytest.mark.parametrize("format_", FORMATS)
def test_a_stream(tmp_path: Path, format_: FormatName) -> None:
    """All tokens in order, the complete stamp among them, the usage that was asked for, and [DONE]."""
    rig = Rig(tmp_path)
    _, body = through(rig, format_, asked(stream=True, stream_options={"include_usage": True}))
    *events, done, rest = body.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
    assert [word for word in text.split() if not word.startswith("gb1~")] == ["w1", "w2", "w3"]
    assert chunks[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    assert any(stamp.service_ns is not None for stamp in find_stamps(text.encode()))
    assert len(rig.rows) == 1


@pytest.mark.parametrize("format_", FORMATS)
def test_a_refusal(tmp_path: Path, format_: FormatName) -> None:
    """A 400 has OpenAI's shape, and says what is wrong."""
    result, body = through(Rig(tmp_path), format_, asked(max_tokens=-1))
    assert isinstance(result, Whole)
    assert result.status == 400
    error = json.loads(body)["error"]
    assert {"message", "type", "param", "code"} == error.keys()
    assert "max_tokens" in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("format_", FORMATS)
def test_too_much(tmp_path: Path, format_: FormatName) -> None:
    """A provider that says not now is a failure, so that another one is asked."""
    result, _ = through(Rig(tmp_path, limits={"tokens_per_minute": 3}), format_, asked())
    assert isinstance(result, Failure)
    assert result.status == 429
