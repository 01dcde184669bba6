"""Providers of other formats behind the reference gateway: asked in theirs, answered in OpenAI's, the stamp as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from multidict import CIMultiDict

from gatebench.execution.upstream.anthropic import Messages
from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.messages import parse_messages
from gatebench.stamp import find_stamp, find_stamps
from targets.reference.refgate.answer import Outgoing, Whole
from targets.reference.refgate.formats.anthropic import Anthropic
from targets.reference.refgate.formats.bedrock import Bedrock
from targets.reference.refgate.formats.contract import Untranslatable
from targets.reference.refgate.formats.sse import EventReader

OPENING = b"gb1~provider-b~7~100~00000000000000ff~tenant-1~~"
STAMP = b"gb1~provider-b~7~100~00000000000000ff~tenant-1~250~"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello there"}], "max_tokens": 2}
MESSAGES = Messages()


def outgoing(chat: object = CHAT, path: str = "/v1/chat/completions", **headers: str) -> Outgoing:
    """Return a request as a client sends it."""
    return Outgoing("POST", path, CIMultiDict(headers), chat if isinstance(chat, bytes) else json.dumps(chat).encode())


def message(status: int = 200) -> Whole:
    """Return what the simulated provider answers, a message or an error."""
    asked = parse_messages(json.dumps(CHAT).encode())
    body = (
        MESSAGES.whole(asked, STAMP, 1700, 5)[1]
        if status == 200
        else MESSAGES.refused(STAMP, Refusal(status, "No.", code=None))
    )
    return Whole(status, CIMultiDict({"Content-Type": "application/json", "X-Gatebench-Stamp": STAMP.decode()}), body)


def events() -> bytes:
    """Return the stream of a message of two tokens."""
    events = MESSAGES.events(parse_messages(json.dumps(CHAT).encode()), OPENING, 1700)
    parts = [*events.opening_events(5), events.token(1, b""), events.token(2, STAMP), *events.ending(STAMP, 5, 2)]
    return b"".join(parts)


def chunks(stream: bytes) -> list[Any]:
    """Return the chunks of a stream; [DONE] is "[DONE]"."""
    return [said.decode() if said == b"[DONE]" else json.loads(said) for said in EventReader().feed(stream)]


def test_a_request_for_anthropic() -> None:
    """What the two APIs say differently; the simulated provider, strict as the real one, takes it."""
    chat = {
        **CHAT,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "developer", "content": [{"type": "text", "text": "be kind"}]},
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": "and"},
        ],
        "temperature": 1.7,
        "top_p": 0.5,
        "stop": "x",
        "stream": True,
        "user": "gb-0123abcd-6-0-l",
        "seed": 4,
    }
    asked = Anthropic().request(outgoing(chat, Authorization="Bearer key", x_id="1"), chat)
    assert asked.path == "/v1/messages"
    assert dict(asked.headers) == {"x_id": "1", "x-api-key": "key", "anthropic-version": "2023-06-01"}
    assert json.loads(asked.body) == {
        "model": "m", "max_tokens": 2, "system": "be brief\nbe kind", "temperature": 1.0, "top_p": 0.5,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": "and"},
        ],
        "stop_sequences": ["x"], "stream": True, "metadata": {"user_id": "gb-0123abcd-6-0-l"},
    }  # fmt: skip
    read = parse_messages(asked.body)
    assert (read.prompt, read.user) == ("be brief\nbe kind\nhello\nhi\nand", "gb-0123abcd-6-0-l")


def test_a_request_for_bedrock() -> None:
    """The model is in the path, the key stays where it is, and there is no word of a stream."""
    chat = {**CHAT, "model": "anthropic.claude-v1:0", "stream": True}
    asked = Bedrock().request(outgoing(chat, Authorization="Bearer key"), chat)
    assert asked.path == "/model/anthropic.claude-v1%3A0/invoke"
    assert asked.headers["Authorization"] == "Bearer key"
    assert json.loads(asked.body) == {
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 2, "messages": CHAT["messages"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [{}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": []}, "messages"),
        ({"messages": "a"}, "messages"),
        ({"messages": ["a"]}, "messages"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages"),
    ],
)
def test_what_cannot_be_said_is_not_left_out(fields: dict[str, Any], param: str) -> None:
    """Half a request would be answered, and nobody would know."""
    with pytest.raises(Untranslatable) as told:
        Anthropic().request(outgoing(), {**CHAT, **fields})
    assert told.value.param == param


def test_a_message_becomes_a_completion() -> None:
    """Shape, reason, usage, and the stamp in id and content."""
    answer = Anthropic(lambda: 1700.0).answer(CHAT, message())
    said = json.loads(answer.body)
    text = f"w1 w2 {STAMP.decode()}"
    assert said == {
        "id": f"chatcmpl-{STAMP.decode()}", "object": "chat.completion", "created": 1700, "model": "m",
        "choices": [{
            "index": 0, "logprobs": None, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text, "refusal": None},
        }],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }  # fmt: skip
    assert str(find_stamp(answer.body)).encode() == STAMP
    assert answer.headers["X-Gatebench-Stamp"] == STAMP.decode()


@pytest.mark.parametrize(
    ("status", "code"), [(400, None), (401, None), (404, "model_not_found"), (413, "body_too_large")]
)
def test_an_error_becomes_openais(status: int, code: str | None) -> None:
    """The status stays, the message stays, the code is the one that OpenAI's clients know."""
    answer = Anthropic().answer(CHAT, message(status))
    error = json.loads(answer.body)["error"]
    assert answer.status == status
    assert error == {"message": "No.", "type": "invalid_request_error", "param": None, "code": code}


def test_an_error_of_bedrock_becomes_openais() -> None:
    """Its type is in a header."""
    headers = CIMultiDict(
        {"x-amzn-ErrorType": "ResourceNotFoundException:http://x", "Content-Type": "application/json"}
    )
    answer = Bedrock().answer(CHAT, Whole(404, headers, b'{"message": "No such model."}'))
    error = json.loads(answer.body)["error"]
    assert (error["message"], error["code"]) == ("No such model.", "model_not_found")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"content": 1}'])
@pytest.mark.parametrize("status", [200, 400])
def test_what_is_not_understood_stays_as_it_is(body: bytes, status: int) -> None:
    """Somebody's proxy answered: the client sees what it said."""
    for format_ in (Anthropic(), Bedrock()):
        assert format_.answer({**CHAT, "stream": True}, Whole(status, CIMultiDict(), body)).body == body


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_becomes_chunks(size: int, usage: bool) -> None:
    """However it is cut: a role, two tokens, the reason to stop, the usage if it is wanted, [DONE]; both stamps are there."""
    chat = {**CHAT, "stream": True, "stream_options": {"include_usage": usage}}
    reader = Anthropic(lambda: 1700.0).events(chat)
    whole = events()
    stream = b"".join(reader.feed(whole[start : start + size]) for start in range(0, len(whole), size))
    *said, done = chunks(stream)
    assert done == "[DONE]"
    assert {chunk["id"] for chunk in said} == {f"chatcmpl-{OPENING.decode()}"}
    assert {chunk["model"] for chunk in said} == {"m"}
    deltas = [chunk["choices"][0]["delta"] for chunk in said if chunk["choices"]]
    assert deltas[0] == {"role": "assistant", "content": ""}
    text = "".join(delta.get("content", "") for delta in deltas)
    assert text == f"{OPENING.decode()} w1 w2 {STAMP.decode()}"
    assert [chunk["choices"][0]["finish_reason"] for chunk in said if chunk["choices"]] == [None, None, None, "stop"]
    told = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    assert [chunk.get("usage") for chunk in said] == ([None] * 4 + [told] if usage else [None] * 4)
    assert {str(stamp).encode() for stamp in find_stamps(stream)} == {OPENING, STAMP}


def test_an_error_within_a_stream_is_said_and_is_no_end() -> None:
    """The client reads an error, and no [DONE] that would make a whole of it."""
    reader = Anthropic().events(CHAT)
    stream = reader.feed(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'
    )
    assert [chunk["error"]["message"] for chunk in chunks(stream)] == ["busy"]


def test_a_stream_that_bedrock_does_not_have_comes_in_one_piece() -> None:
    """Whole answer in, stream out: its content, its reason to stop, its usage, [DONE]."""
    chat = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    answer = Bedrock(lambda: 1700.0).answer(chat, message())
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    first, last, usage, done = chunks(answer.body)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": f"w1 w2 {STAMP.decode()}"}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["total_tokens"] == 7
    assert done == "[DONE]"
