"""Anthropic's messages: what is asked is read strictly, what is answered has its shape."""

from typing import Any

import orjson
import pytest

from gatebench.execution.load.events import EventReader
from gatebench.execution.upstream.anthropic import Messages
from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.messages import MessagesRequest, parse_messages
from gatebench.stamp import find_stamp, find_stamps

OPENING = b"gb1~provider-a~7~100~00000000000000ff~tenant-1~~"
STAMP = b"gb1~provider-a~7~100~00000000000000ff~tenant-1~250~"
HELLO = [{"role": "user", "content": "hello there"}]
ORDER = ["message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta"]
ENDING = ["content_block_stop", "message_delta", "message_stop"]


def asked(**fields: Any) -> MessagesRequest:
    """What a body with these fields asks for."""
    return parse_messages(orjson.dumps({"model": "m", "max_tokens": 5, "messages": HELLO} | fields))


def stream(tokens: int) -> list[bytes]:
    """The events of a stream."""
    events = Messages().events(asked(max_tokens=tokens), OPENING, 1700)
    words = [events.token(number, STAMP if number == tokens else b"") for number in range(1, tokens + 1)]
    return [*events.opening_events(3), *words, *events.ending(STAMP, 3, tokens)]


def parsed(event: bytes) -> tuple[str, Any]:
    """The name and the data of an event, read strictly."""
    name, data, *rest = event.split(b"\n")
    assert rest == [b"", b""]
    assert name.startswith(b"event: ")
    assert data.startswith(b"data: ")
    return name[7:].decode(), orjson.loads(data[6:])


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ({}, "hello there"),
        ({"system": "be brief"}, "be brief\nhello there"),
        ({"system": [{"type": "text", "text": "be"}, {"type": "text", "text": "brief"}]}, "be\nbrief\nhello there"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, "hi"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, ""),
        ({"messages": [*HELLO, *HELLO]}, "hello there\nhello there"),  # roles need not alternate
        ({"messages": [*HELLO, {"role": "assistant", "content": "I"}]}, "hello there\nI"),
        ({"temperature": 0.5, "tools": [], "stop_sequences": ["x"], "top_k": 3}, "hello there"),
    ],
)
def test_what_a_request_may_say(fields: dict[str, Any], prompt: str) -> None:
    """Its prompt is the system prompt and the texts of all messages."""
    assert asked(**fields) == MessagesRequest("m", prompt, "", 5, False)


def test_who_asks() -> None:
    """`metadata.user_id` names the caller, and streams are asked for as in a chat."""
    assert asked(metadata={"user_id": "tenant-1"}, stream=True) == MessagesRequest(
        "m", "hello there", "tenant-1", 5, True
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens: Input should be"),
        ({"max_tokens": True}, "max_tokens: Input should be"),
        ({"model": None}, "model: Field required"),
        ({"model": 3}, '"model" must be a string'),
        ({"messages": None}, "messages: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": ["hi"]}, "messages.0: Input should be an object"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"system": 3}, "system: Input"),
        ({"system": [{"type": "image"}]}, "system: Input"),
        ({"metadata": 3}, '"metadata" must be an object'),
        ({"metadata": {"user_id": 3}}, '"user_id" must be a string'),
        ({"stream": "yes"}, '"stream" must be true or false'),
        ({"user": "tenant-1"}, "user: Extra inputs are not permitted"),  # OpenAI's field
    ],
)
def test_what_is_refused(change: dict[str, Any], words: str) -> None:
    """In the words of the real one, or close to them."""
    with pytest.raises(Refusal) as refusal:
        asked(**change)
    assert refusal.value.status == 400
    assert words in refusal.value.message


def test_everything_at_once() -> None:
    """An empty object lacks three fields."""
    with pytest.raises(Refusal) as refusal:
        parse_messages(b"{}")
    assert all(f"{name}: Field required" in refusal.value.message for name in ("model", "max_tokens", "messages"))


@pytest.mark.parametrize("model", ["m", 'quoted "name"', "100%b"])
def test_a_message(model: str) -> None:
    """Its words are numbered, its usage is told, and the stamp is in its id and in its text."""
    status, body, tokens, headers = Messages().whole(asked(model=model), STAMP, 1700, 40)
    message = orjson.loads(body)
    stamp = STAMP.decode()
    assert (status, tokens, headers) == (200, 5, b"")
    assert [message[key] for key in ("id", "type", "role", "model")] == [f"msg_{stamp}", "message", "assistant", model]
    assert message["content"] == [{"type": "text", "text": f"w1 w2 w3 w4 w5 {stamp}"}]
    assert [message["stop_reason"], message["stop_sequence"]] == ["end_turn", None]
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (40, 5)
    assert len(find_stamps(body)) == 2


def test_a_stream_has_the_events_in_their_order() -> None:
    """Each event's name is its type; together the texts are the words once, between the two stamps."""
    events = [parsed(event) for event in stream(2)]
    assert [name for name, _ in events] == [*ORDER, *ENDING]
    assert all(data["type"] == name for name, data in events)
    assert events[0][1]["message"]["content"] == []
    assert events[0][1]["message"]["usage"]["input_tokens"] == 3
    texts = [data["delta"]["text"] for name, data in events if name == "content_block_delta"]
    assert "".join(texts) == f"{OPENING.decode()} w1 w2 {STAMP.decode()}"
    assert events[-2][1] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 2},
    }


def test_our_own_reader_counts_it() -> None:
    """As many tokens as were asked for, the end, and the complete stamp; cut short, a stamp and no end."""
    whole, cut = EventReader(), EventReader()
    whole.feed(b"".join(stream(3)), 1)
    cut.feed(b"".join(stream(3)[:5]), 1)
    assert (whole.tokens, whole.terminal) == (3, True)
    assert (cut.tokens, cut.terminal) == (2, False)
    found = find_stamp(b"".join(stream(3)))
    assert found is not None
    assert found.service_ns == 250
    assert find_stamp(b"".join(stream(3)[:5])) is not None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_an_error(status: int, kind: str) -> None:
    """It has Anthropic's shape, and its request id is the stamp."""
    said = orjson.loads(Messages().refused(STAMP, Refusal(status, "no", code="x", kind="tokens")))
    assert said == {
        "type": "error",
        "error": {"type": kind, "message": "no"},
        "request_id": f"req_{STAMP.decode()}",
    }
