"""A chat completion request is read as a provider reads it, and refused with everything that is wrong with it."""

from typing import Any

import orjson
import pytest

from gatebench.execution.upstream.chat import (
    DEFAULT_TOKENS,
    MOST_TOKENS,
    ChatRequest,
    Refusal,
    count_tokens,
    parse_chat,
)
from gatebench.stamp import fingerprint
from gatebench.traffic import Generator, Traffic

HELLO = [{"role": "user", "content": "hello there"}]


def read(**fields: Any) -> ChatRequest:
    """What a body with these fields asks for."""
    return parse_chat(orjson.dumps({"model": "m", "messages": HELLO, "max_tokens": 5} | fields))


def refused(body: bytes) -> Refusal:
    """Why `body` is refused."""
    with pytest.raises(Refusal) as refusal:
        parse_chat(body)
    assert refusal.value.status == 400
    return refusal.value


def test_the_usual_request() -> None:
    """One message, a model, a number of tokens: what most callers send."""
    assert read() == ChatRequest("m", "hello there", "", 5, False, False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_tokens": None}, {"tokens": DEFAULT_TOKENS}),
        ({"max_completion_tokens": 9}, {"tokens": 9}),
        ({"max_tokens": MOST_TOKENS}, {"tokens": MOST_TOKENS}),
        ({"model": None}, {"model": "gatebench-small"}),
        ({"user": "tenant-1"}, {"user": "tenant-1"}),
        ({"stream": True}, {"stream": True}),
        ({"stream": False}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True, "include_usage": True}),
        ({"stream": True, "stream_options": {"include_usage": False}}, {"stream": True}),
        ({"temperature": 0.5, "n": 1, "tools": []}, {}),
        ({"messages": [{"role": "system", "content": "be brief"}, *HELLO]}, {"prompt": "be brief\nhello there"}),
        ({"messages": [{"role": "assistant", "content": None}, *HELLO]}, {"prompt": "hello there"}),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hello there"}]}]}, {}),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}, {"text": "hi"}]}]}, {"prompt": "hi"}),
        ({"messages": [{"role": "user", "content": ""}]}, {"prompt": ""}),
    ],
)
def test_what_a_request_may_say(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Everything that OpenAI's API allows here changes what it should and nothing else."""
    assert read(**fields) == read()._replace(**expected)


@pytest.mark.parametrize("hot", [{}, {"user": "u"}, {"max_tokens": 1}])
def test_both_ways_of_reading_agree(hot: dict[str, Any]) -> None:
    """A request that is read at once says the same as one that is read with care for an unusual field."""
    assert read(**hot) == read(**hot, stream=False)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"{", None, "invalid_json"),
        (b'{"messages": "\xff"}', None, "invalid_json"),
        (b"[]", None, "invalid_json"),
        (b"null", None, "invalid_json"),
        (b"{}", "messages", "missing_required_parameter"),
        (b'{"messages": []}', "messages", "invalid_value"),
        (b'{"messages": "hello"}', "messages", "invalid_value"),
        (b'{"messages": [7]}', "messages", "invalid_value"),
        (b'{"messages": [{"content": "no role"}]}', "messages", "invalid_value"),
        (b'{"messages": [{"role": "user", "content": 7}]}', "messages", "invalid_value"),
    ],
)
def test_what_is_no_request(body: bytes, param: str | None, code: str) -> None:
    """Malformed JSON and missing or malformed messages are refused, with the field and a code."""
    refusal = refused(body)
    assert (refusal.param, refusal.code) == (param, code)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 7),
        ("user", ["u"]),
        ("stream", "yes"),
        ("stream", 1),
        ("stream_options", True),
        ("max_tokens", 0),
        ("max_tokens", MOST_TOKENS + 1),
        ("max_tokens", 2.5),
        ("max_tokens", True),
        ("max_tokens", "24"),
        ("max_completion_tokens", -1),
    ],
)
def test_a_field_of_the_wrong_kind(field: str, value: object) -> None:
    """Each is refused by name."""
    refusal = refused(orjson.dumps({"messages": HELLO, field: value}))
    assert refusal.param == field
    assert f'"{field}" must be' in refusal.message


def test_every_problem_at_once() -> None:
    """Three mistakes are three sentences."""
    message = refused(b'{"model": 1, "max_tokens": 0, "messages": [1]}').message
    assert [word in message for word in ('"model"', '"max_tokens"', "messages[0]")] == [True, True, True]


@pytest.mark.parametrize(("prompt", "tokens"), [("", 0), ("one", 1), ("one two #3", 3), ("a b\nc d", 4)])
def test_a_token_is_a_word(prompt: str, tokens: int) -> None:
    """Words of all messages count, and an empty prompt has none."""
    assert count_tokens(prompt) == tokens


def test_the_prompt_is_what_the_client_fingerprints() -> None:
    """The fingerprint of what a provider reads is the one that the traffic generator computes."""
    traffic = Traffic.model_validate({"routes": [{"name": "chat", "prompt_words": 30, "stream": True}]})
    request = Generator(traffic, seed=5).request(17)
    assert fingerprint(parse_chat(request.body).prompt) == request.fingerprint
